// SPDX-License-Identifier: MIT
// Threads with guard pages and signal stacks of their own; a panic that is caught.
use std::{fs, panic, process, thread};

fn main() {
    panic::set_hook(Box::new(|_| {}));
    let threads: Vec<_> = (0..32u64)
        .map(|i| {
            thread::Builder::new()
                .stack_size(64 * 1024 * (1 + i as usize % 4))
                .spawn(move || (0..2000u64).map(|k| vec![i as u8; (k * i % 5000) as usize].len() as u64).sum::<u64>())
                .unwrap()
        })
        .collect();
    let sum: u64 = threads.into_iter().map(|t| t.join().unwrap()).sum();
    let caught = thread::spawn(|| panic!("no")).join().is_err() && panic::catch_unwind(|| panic!("no")).is_err();
    let child = process::Command::new("/bin/echo").arg("child").output().unwrap();
    println!("{} {} {:?} {}", sum, caught, String::from_utf8(child.stdout), fs::read("/etc/passwd").is_ok());
    process::exit(4);
}
