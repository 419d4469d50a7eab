//! How JSON of a foreign program is read without trusting its shape: any value may stand anywhere, and a key that comes
//! twice counts the second time. Knows nothing of what the fields mean. Borrows from the line; serde's derive would
//! refuse the duplicate keys.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

/// A string; anything else reads as empty.
#[derive(Debug, Default)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

/// A whole number; anything else reads as absent. Carries a lifetime only to fit where the others do.
#[derive(Debug, Default)]
pub(crate) struct Count<'a>(pub(crate) Option<i64>, PhantomData<&'a ()>);

/// `true` or `false`; anything else reads as false.
#[derive(Debug, Default)]
pub(crate) struct Flag<'a>(pub(crate) bool, PhantomData<&'a ()>);

/// A list; anything else reads as empty.
#[derive(Debug)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl Count<'_> {
    pub(crate) fn or_zero(&self) -> u64 {
        self.0.and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
    }
}

/// The visits that a value of the wrong type falls through to: read it to its end, keep nothing.
macro_rules! otherwise_default {
    (@bool) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@number) => {
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@float) => {
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@text) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@null) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@list) => {
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@object) => {
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
            while object.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    ($($shape:ident)+) => {
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("any JSON value")
        }
        $($crate::tolerant_json::otherwise_default!(@$shape);)+
    };
}
pub(crate) use otherwise_default;

/// Defines a struct that is read from a JSON object: every key may be missing, come twice (the last counts) or be
/// unknown (it is skipped).
macro_rules! last_key_wins {
    ($(#[$doc:meta])* $vis:vis struct $name:ident<$life:lifetime> { $($key:literal => $field:ident: $type:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        $vis struct $name<$life> {
            $($field: $type,)+
        }

        impl<'de> serde::Deserialize<'de> for $name<'de> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields<'de>(std::marker::PhantomData<&'de ()>);

                impl<'de> serde::de::Visitor<'de> for Fields<'de> {
                    type Value = $name<'de>;

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut object: A) -> Result<$name<'de>, A::Error> {
                        let mut fields = $name::default();
                        while let Some(key) = object.next_key::<$crate::tolerant_json::Text<'de>>()? {
                            match &*key.0 {
                                $($key => fields.$field = object.next_value()?,)+
                                _ => { object.next_value::<serde::de::IgnoredAny>()?; }
                            }
                        }
                        Ok(fields)
                    }

                    $crate::tolerant_json::otherwise_default! { bool number float text null list }
                }

                deserializer.deserialize_any(Fields(std::marker::PhantomData))
            }
        }
    };
}
pub(crate) use last_key_wins;

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            otherwise_default! { bool number float null list object }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for Count<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<'a>(PhantomData<&'a ()>);
        impl<'de, 'a> Visitor<'de> for Any<'a> {
            type Value = Count<'a>;

            fn visit_i64<E>(self, count: i64) -> Result<Count<'a>, E> {
                Ok(Count(Some(count), PhantomData))
            }
            fn visit_u64<E>(self, count: u64) -> Result<Count<'a>, E> {
                Ok(Count(i64::try_from(count).ok(), PhantomData))
            }
            otherwise_default! { bool float text null list object }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Flag<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<'a>(PhantomData<&'a ()>);
        impl<'de, 'a> Visitor<'de> for Any<'a> {
            type Value = Flag<'a>;

            fn visit_bool<E>(self, flag: bool) -> Result<Flag<'a>, E> {
                Ok(Flag(flag, PhantomData))
            }
            otherwise_default! { number float text null list object }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = List<T>;

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = list.next_element()? {
                    elements.push(element);
                }
                Ok(List(elements))
            }
            otherwise_default! { bool number float text null object }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}
