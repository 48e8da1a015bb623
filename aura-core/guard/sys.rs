//! The system calls of the guard, declared here because it depends on nothing but the standard library.

use std::ffi::{c_int, c_long, c_uint, c_ulong, c_void};

// Their numbers of signals, options and system calls differ from all the others'.
#[cfg(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64"))]
compile_error!("the guard does not know the system call numbers of this architecture");

pub(crate) const EPROTO: c_int = 71;
pub(crate) const SIGHUP: c_int = 1;
pub(crate) const SIGINT: c_int = 2;
pub(crate) const SIGKILL: c_int = 9;
pub(crate) const SIGPIPE: c_int = 13;
pub(crate) const SIGTERM: c_int = 15;
pub(crate) const SIGCHLD: c_int = 17;
pub(crate) const SIGCONT: c_int = 18;
pub(crate) const SOL_SOCKET: c_int = 1;
pub(crate) const SIG_SETMASK: c_int = 2;

pub(crate) const SIG_DFL: usize = 0;
pub(crate) const SIG_IGN: usize = 1;
pub(crate) const WNOHANG: c_int = 1;
pub(crate) const POLLIN: i16 = 1;
pub(crate) const SCM_RIGHTS: c_int = 1;
pub(crate) const MSG_DONTWAIT: c_int = 0x40;
pub(crate) const MSG_CMSG_CLOEXEC: c_int = 0x4000_0000;
pub(crate) const PR_SET_DUMPABLE: c_int = 4;
pub(crate) const PR_SET_NAME: c_int = 15;
pub(crate) const PR_SET_CHILD_SUBREAPER: c_int = 36;
pub(crate) const SYS_PIDFD_SEND_SIGNAL: c_long = 424;
pub(crate) const SYS_PIDFD_OPEN: c_long = 434;
pub(crate) const SYS_CLOSE_RANGE: c_long = 436;

#[repr(C)]
pub(crate) struct PollFd {
    pub(crate) fd: c_int,
    pub(crate) events: i16,
    pub(crate) revents: i16,
}

#[repr(C)]
pub(crate) struct IoVec {
    pub(crate) base: *mut c_void,
    pub(crate) len: usize,
}

#[repr(C)]
pub(crate) struct MsgHdr {
    pub(crate) name: *mut c_void,
    pub(crate) name_len: c_uint,
    pub(crate) iov: *mut IoVec,
    pub(crate) iov_len: usize,
    pub(crate) control: *mut c_void,
    pub(crate) control_len: usize,
    pub(crate) flags: c_int,
}

/// A control message header with room for the three descriptors of a go message.
#[repr(C)]
pub(crate) struct Rights {
    pub(crate) len: usize,
    pub(crate) level: c_int,
    pub(crate) kind: c_int,
    pub(crate) fds: [c_int; 3],
}

unsafe extern "C" {
    pub(crate) fn prctl(option: c_int, ...) -> c_int;
    pub(crate) fn setsid() -> c_int;
    pub(crate) fn getpid() -> c_int;
    pub(crate) fn getppid() -> c_int;
    pub(crate) fn getpgid(pid: c_int) -> c_int;
    pub(crate) fn kill(pid: c_int, signal: c_int) -> c_int;
    pub(crate) fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    pub(crate) fn signal(number: c_int, handler: usize) -> usize;
    pub(crate) fn sigprocmask(how: c_int, set: *const c_void, old: *mut c_void) -> c_int;
    pub(crate) fn poll(fds: *mut PollFd, count: c_ulong, timeout: c_int) -> c_int;
    pub(crate) fn recvmsg(fd: c_int, message: *mut MsgHdr, flags: c_int) -> isize;
    pub(crate) fn write(fd: c_int, data: *const c_void, len: usize) -> isize;
    pub(crate) fn syscall(number: c_long, ...) -> c_long;
    pub(crate) fn __errno_location() -> *mut c_int;
}
