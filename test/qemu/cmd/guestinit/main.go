// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command guestinit is the first process of the emulated boards. It mounts what programs expect, loads the board's
// kernel modules, runs one program, tells the host how that ended, and turns the machine off.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/offload-runtime/offload/test/qemu/internal/guest"
)

func main() {
	// Children die with the thread that started them, and wait4 is for all children.
	runtime.LockOSThread()
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guestinit is the first process of test/qemu's guests; it is of no use elsewhere")
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "guestinit:", err)
	}
	unix.Sync()
	err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	// The first process must not end: the kernel would panic, which the host takes for what it is.
	fmt.Fprintln(os.Stderr, "guestinit: power off:", err)
}

func run() error {
	if err := mountKernel(); err != nil {
		return err
	}
	control, err := openPort(guest.ControlPort)
	if err != nil {
		return err
	}
	defer control.Close()
	err = runJob(control)
	if err != nil {
		return errors.Join(err, report(control, guest.Report{Event: guest.Fault, Text: err.Error()}))
	}
	return nil
}

func runJob(control *os.File) error {
	text, err := os.ReadFile(guest.JobPath)
	if err != nil {
		return err
	}
	var job guest.Job
	if err := json.Unmarshal(text, &job); err != nil {
		return fmt.Errorf("%s: %w", guest.JobPath, err)
	}
	now := unix.NsecToTimeval(job.Now.UnixNano())
	if err := unix.Settimeofday(&now); err != nil {
		return fmt.Errorf("setting the clock: %w", err)
	}
	if err := mountShares(&job); err != nil {
		return err
	}
	if err := loadModules(job.Modules); err != nil {
		return err
	}
	if err := checkProcessors(job.Processors); err != nil {
		return err
	}
	for _, s := range job.Sysctl {
		if err := os.WriteFile(s.Path, []byte(s.Value), 0); err != nil {
			return err
		}
	}
	if err := report(control, guest.Report{Event: guest.Ready}); err != nil {
		return err
	}
	exit := guest.Report{Event: guest.Exit}
	if len(job.Args) > 0 {
		if exit, err = runProgram(&job); err != nil {
			return err
		}
	}
	return report(control, exit)
}

func report(control *os.File, r guest.Report) error {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return err
	}
	r.Uptime = time.Duration(up.Nano())
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = control.Write(append(line, '\n'))
	return err
}
