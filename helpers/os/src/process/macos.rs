//! The process table of macOS, through libproc.
#![expect(unsafe_code, reason = "libproc has no safe wrapper")]

use super::{ProcessEntry, ProcessId};

pub(crate) fn read_all() -> Vec<ProcessEntry> {
    all_pids().into_iter().filter_map(read_entry).collect()
}

fn all_pids() -> Vec<u32> {
    let mut pids = vec![0_i32; 16 * 1024];
    let room = i32::try_from(size_of_val(pids.as_slice())).unwrap_or(i32::MAX);
    // SAFETY: the buffer is as long as said and outlives the call.
    let count = unsafe { libc::proc_listallpids(pids.as_mut_ptr().cast(), room) };
    pids.truncate(usize::try_from(count).unwrap_or(0));
    pids.into_iter().filter_map(|pid| u32::try_from(pid).ok()).collect()
}

pub(crate) fn read_entry(pid: u32) -> Option<ProcessEntry> {
    let raw_pid = i32::try_from(pid).ok()?;
    // SAFETY: plain numbers and bytes, for which all zeros is a value.
    let mut info: libc::proc_taskallinfo = unsafe { std::mem::zeroed() };
    let room = i32::try_from(size_of_val(&info)).ok()?;
    let buffer = std::ptr::from_mut(&mut info).cast();
    // SAFETY: the buffer is as long as said and outlives the call.
    let filled = unsafe { libc::proc_pidinfo(raw_pid, libc::PROC_PIDTASKALLINFO, 0, buffer, room) };
    if filled != room {
        return None;
    }
    // SAFETY: takes and returns a number.
    let session = unsafe { libc::getsid(raw_pid) };
    let about = info.pbsd;
    Some(ProcessEntry {
        id: ProcessId { pid, start_ticks: about.pbi_start_tvsec * 1_000_000 + about.pbi_start_tvusec },
        parent: about.pbi_ppid,
        group: about.pbi_pgid,
        session: u32::try_from(session).unwrap_or(0),
        state: if about.pbi_status == libc::SZOMB { 'Z' } else { 'S' },
        cpu_ticks: (info.ptinfo.pti_total_user + info.ptinfo.pti_total_system) / 1000,
    })
}

/// The path of its program; its arguments are not for everyone to read there.
pub fn command_line(pid: u32) -> String {
    let mut path = vec![0_u8; 4096];
    let (Ok(raw_pid), Ok(room)) = (i32::try_from(pid), u32::try_from(path.len())) else {
        return String::new();
    };
    // SAFETY: the buffer is as long as said and outlives the call.
    let length = unsafe { libc::proc_pidpath(raw_pid, path.as_mut_ptr().cast(), room) };
    path.truncate(usize::try_from(length).unwrap_or(0));
    String::from_utf8_lossy(&path).into_owned()
}
