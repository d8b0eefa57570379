// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/offload-runtime/offload/test/qemu/internal/guest"
)

// runProgram runs the job's program and waits for it. Other children are orphans it left, reaped on the way.
func runProgram(job *guest.Job) (guest.Report, error) {
	r := guest.Report{Event: guest.Exit}
	out, err := openOutput(job)
	if err != nil {
		return r, err
	}
	defer out.Close()
	in := out
	if !job.Console {
		if in, err = os.Open(os.DevNull); err != nil {
			return r, err
		}
		defer in.Close()
	}
	attr := &os.ProcAttr{
		Dir:   job.Dir,
		Env:   job.Env,
		Files: []*os.File{in, out, out},
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: job.Console},
	}
	if job.UID != 0 {
		attr.Sys.Credential = &syscall.Credential{Uid: job.UID, Gid: job.UID}
	}
	p, err := os.StartProcess(job.Args[0], job.Args, attr)
	if err != nil {
		return r, err
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return r, fmt.Errorf("waiting for %s: %w", job.Args[0], err)
		}
		if pid != p.Pid {
			continue
		}
		if status.Signaled() {
			r.Signal = unix.SignalName(status.Signal())
			r.ExitCode = 128 + int(status.Signal())
		} else {
			r.ExitCode = status.ExitStatus()
		}
		return r, nil
	}
}

func openOutput(job *guest.Job) (*os.File, error) {
	if job.Console {
		fd, err := unix.Open("/dev/hvc0", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
		if err != nil {
			return nil, fmt.Errorf("/dev/hvc0: %w", err)
		}
		return os.NewFile(uintptr(fd), "/dev/hvc0"), nil
	}
	return openPort(guest.OutputPort)
}
