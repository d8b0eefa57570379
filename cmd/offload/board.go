// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// boardNames are the values of --board.
func boardNames() []string { return []string{"auto", "linux", "sim"} }

// openBoard opens the board that was asked for: with "auto", that of this machine if its kernel has remote processors.
func (c *cli) openBoard(ctx context.Context) (runtime.Board, error) {
	kind := c.board
	if kind == "auto" {
		kind = "linux"
		if list, err := firmware.List(c.sysRoot()); errors.Is(err, fs.ErrNotExist) || err == nil && len(list) == 0 {
			kind = "sim"
		}
	}
	if kind == "sim" {
		if c.profile != "" {
			return nil, usagef("--profile is for the board of a Linux kernel; this is a simulated one")
		}
		return c.simulate()
	}
	cfg := c.linux
	if cfg.ProfileFile = c.profile; cfg.ProfileFile == "" {
		cfg.ProfileFile = c.environment("OFFLOAD_PROFILE", "")
	}
	return runtime.OpenLinux(ctx, cfg)
}

func (c *cli) simulate() (runtime.Board, error) {
	b, err := sim.New(c.sim)
	if err != nil || c.prepare == nil {
		return b, err
	}
	if err := c.prepare(b); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (c *cli) sysRoot() string {
	if c.linux.SysRoot != "" {
		return c.linux.SysRoot
	}
	return "/sys"
}

// simulated tells whether a board ends with the command.
func simulated(b runtime.Board) bool {
	_, yes := b.(*sim.Board)
	return yes
}

// withBoard runs f with an open board.
func (c *cli) withBoard(ctx context.Context, f func(runtime.Board) error) (err error) {
	b, err := c.openBoard(ctx)
	if err != nil {
		return fmt.Errorf("opening the board: %w", err)
	}
	defer func() {
		if e := b.Close(); e != nil {
			err = errors.Join(err, e)
		}
	}()
	return f(b)
}

// withProcessor runs f with a processor of an open board.
func (c *cli) withProcessor(ctx context.Context, name string, f func(runtime.Board, runtime.Processor) error) error {
	return c.withBoard(ctx, func(b runtime.Board) error {
		p, err := processor(b, name)
		if err != nil {
			return err
		}
		return f(b, p)
	})
}

// processor finds a processor by name.
func processor(b runtime.Board, name string) (runtime.Processor, error) {
	list, err := b.Processors()
	if err != nil {
		return nil, err
	}
	have := []string{}
	for _, p := range list {
		if p.Info().Name == name {
			return p, nil
		}
		have = append(have, p.Info().Name)
	}
	if len(have) == 0 {
		have = append(have, "none")
	}
	return nil, fmt.Errorf("processor %q: %w; board %s has: %s", name, fs.ErrNotExist, b.Name(), strings.Join(have, ", "))
}

// firmwareFile is what --firmware and --replace say, and --crash-dir.
type firmwareFile struct {
	path     string
	replace  bool
	crashDir string // of the session that follows
}

// sessionFlags are the flags of commands that talk to a firmware.
func (i *firmwareFile) sessionFlags(cmd *cobra.Command) {
	i.flags(cmd)
	cmd.Flags().StringVar(&i.crashDir, "crash-dir", "", "`DIRECTORY` for a report if the processor crashes")
}

func (i *firmwareFile) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&i.path, "firmware", "", "firmware `FILE` to start first (otherwise what runs, or what the processor is set to)")
	cmd.Flags().BoolVar(&i.replace, "replace", false, "with --firmware: stop a processor that runs already")
}

// read reads and checks the file.
func (i *firmwareFile) read(c *cli, p runtime.ProcessorInfo) ([]byte, error) {
	if i.path == "" {
		if i.replace {
			return nil, usagef("--replace is for --firmware")
		}
		return nil, nil
	}
	b, err := os.ReadFile(i.path)
	if err != nil {
		return nil, fmt.Errorf("reading firmware: %w", err)
	}
	_, findings := firmware.CheckFile(b, requirements(p))
	for _, f := range findings {
		if f.Severity == firmware.SeverityWarning {
			c.notef("%s: %v", i.path, f)
		}
	}
	if err := findings.Err(); err != nil {
		return nil, fmt.Errorf("%s for %s: %w", i.path, p.Name, err)
	}
	return b, nil
}

// requirements are what a processor expects of firmware that speaks the protocol.
func requirements(p runtime.ProcessorInfo) firmware.Requirements {
	r := firmware.Requirements{AddressBits: p.Windows.AddressBits(), NeedRPMsg: true}
	// Boards say "c6000" where ELF has a name with the maker's.
	for _, name := range []string{p.Machine, "ti-" + p.Machine} {
		if m, err := firmware.ParseMachine(name); err == nil && m != firmware.MachineNone {
			r.Machines = []firmware.Machine{m}
		}
	}
	return r
}

// session is what withSession runs.
type session = func(*runtime.Runtime, *runtime.Session) error

// withSession runs f with a runtime and a session on a processor.
func (c *cli) withSession(ctx context.Context, i firmwareFile, cfg runtime.SessionConfig, f session) error {
	return c.withProcessor(ctx, cfg.Processor, func(b runtime.Board, p runtime.Processor) (err error) {
		if cfg.Image, err = i.read(c, p.Info()); err != nil {
			return err
		}
		cfg.Replace, cfg.CrashDir = i.replace, i.crashDir
		return c.withRunning(ctx, b, cfg, f)
	})
}

// withRunning runs f with a runtime on an open board and a session.
func (c *cli) withRunning(ctx context.Context, b runtime.Board, cfg runtime.SessionConfig, f session) (err error) {
	rt, err := runtime.New(runtime.Config{Board: b, Logger: c.logger()})
	if err != nil {
		return err
	}
	defer func() {
		if e := rt.Close(); e != nil {
			err = errors.Join(err, e)
		}
	}()
	limited, cancel := c.limit(ctx)
	defer cancel()
	s, err := rt.Start(limited, cfg)
	if err != nil {
		return err
	}
	return f(rt, s)
}

// completeProcessor gives the names of processors to the shell, for the first argument.
func (c *cli) completeProcessor(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if len(args) > 0 || c.check() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	err := c.withBoard(cmd.Context(), func(b runtime.Board) error {
		list, err := b.Processors()
		for _, p := range list {
			names = append(names, p.Info().Name+"\t"+p.Info().Kernel)
		}
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
