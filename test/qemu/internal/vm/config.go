// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/offload-runtime/offload/test/qemu/internal/build"
	"github.com/offload-runtime/offload/test/qemu/internal/guest"
	"github.com/offload-runtime/offload/test/qemu/internal/machine"
)

// Files of a run, in Config.Dir.
const (
	initrdFile  = "initrd.cpio"
	LogFile     = "kernel.log" // the kernel's console
	outputFile  = "output"
	controlFile = "control"
	outDir      = "out"
)

// Config is one boot.
type Config struct {
	Machine   machine.Machine
	Artifacts build.Artifacts
	Job       guest.Job
	Files     []File   // added to the initramfs
	OutDirs   []string // directories that guest.OutDir has from the start

	Dir     string        // an existing directory for what the run reads and writes
	Timeout time.Duration // of the whole run
	Output  io.Writer     // what the job's program prints
}

// File is a file of the host for the guest.
type File struct {
	Guest, Host string
	Mode        os.FileMode
}

// OutDir is the host's side of guest.OutDir.
func (c *Config) OutDir() string { return filepath.Join(c.Dir, outDir) }

// Command returns QEMU and its arguments.
func (c *Config) Command() []string {
	args := append([]string{machine.Emulator}, c.Machine.Hardware()...)
	args = append(args,
		"-accel", "tcg,thread=multi",
		"-nodefaults", "-display", "none", "-no-reboot",
		"-chardev", "file,id=log,path="+c.path(LogFile),
		"-serial", "chardev:log",
	)
	args = append(args, c.Machine.Args...)
	args = append(args,
		"-kernel", c.Artifacts.Image,
		"-dtb", c.Artifacts.DTB,
		"-initrd", filepath.Join(c.Dir, initrdFile),
		"-append", c.cmdline(),
		"-device", "virtio-rng-device",
		"-device", "virtio-serial-device",
		"-chardev", "file,id=control,path="+c.path(controlFile),
		"-device", "virtserialport,chardev=control,name="+guest.ControlPort,
		"-chardev", "file,id=output,path="+c.path(outputFile),
		"-device", "virtserialport,chardev=output,name="+guest.OutputPort,
	)
	if c.Job.Source != "" {
		args = append(args,
			"-fsdev", "local,id=source,security_model=none,readonly=on,path="+escape(c.Job.Source),
			"-device", "virtio-9p-device,fsdev=source,mount_tag="+guest.SourceTag)
	}
	if c.Job.Out {
		args = append(args,
			"-fsdev", "local,id=out,security_model=none,path="+c.path(outDir),
			"-device", "virtio-9p-device,fsdev=out,mount_tag="+guest.OutTag)
	}
	if c.Job.Console {
		// Ctrl-A X ends QEMU; Ctrl-C is for the guest.
		args = append(args,
			"-chardev", "stdio,id=tty,mux=on,signal=off",
			"-mon", "chardev=tty,mode=readline",
			"-device", "virtconsole,chardev=tty")
	}
	return args
}

func (c *Config) path(name string) string { return escape(filepath.Join(c.Dir, name)) }

// escape makes a path fit for QEMU's lists of options, where a comma ends a value.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }

// cmdline: the console is quiet until the guest's first process raises the level, which makes boots faster. Warnings
// are never left out, and an oops is the end.
func (c *Config) cmdline() string {
	words := []string{"console=ttyAMA0", "loglevel=5", "panic=-1", "oops=panic"}
	return strings.Join(append(words, c.Machine.Cmdline...), " ")
}

// Quote makes a command one line for a shell.
func Quote(command []string) string {
	var words []string
	for _, word := range command {
		if word == "" || strings.ContainsAny(word, " \t\n'\"\\$&;|<>()*?[]#~`{}!") {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
