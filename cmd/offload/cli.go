// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// cli is one run of the tool. Nothing below it touches the process: streams, environment and exit belong to main.
type cli struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	sim            sim.Config             // of simulated boards
	prepare        func(*sim.Board) error // what is done to them first; nil: nothing
	linux          runtime.LinuxConfig    // of the board of a Linux kernel

	board   string
	profile string
	json    bool
	timeout time.Duration
	verbose bool

	parsed bool // flags and arguments are right
}

// run runs one command line.
func (c *cli) run(ctx context.Context, args []string) exitCode {
	root := c.root()
	root.SetArgs(append([]string{}, args...)) // nil would be those of the process
	root.SetIn(c.stdin)
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if !c.parsed {
		err = usage{err}
	}
	code := codeOf(err)
	if code == exitTimeout && c.timeout > 0 {
		err = fmt.Errorf("%w (--timeout is %v)", err, c.timeout)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(c.stderr, "offload: interrupted")
		return exitInterrupted
	}
	fmt.Fprintf(c.stderr, "offload: %s\n", oneLine(err))
	var crash *runtime.CrashError
	if errors.As(err, &crash) && crash.Report != "" {
		c.notef("the crash report is in %s", crash.Report)
	}
	if code == exitUsage {
		fmt.Fprintf(c.stderr, "See \"%s --help\".\n", cmd.CommandPath())
	}
	return code
}

// oneLine is the text of an error in one line: errors.Join separates by newlines.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "offload",
		Short: "Hand work to another processor on the same chip, without copying the data",
		Long: `offload hands work to another processor on the same chip (a DSP, a Cortex-R or -M core)
without copying the data. It works on the processors of a Linux kernel and on a simulated
board that needs no hardware, no root and no setup. Try:

  offload demo
  offload call dsp0 crc32c --in data=@FILE`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if err := c.check(); err != nil {
				return err
			}
			c.parsed = true
			return nil
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&c.board, "board", c.environment("OFFLOAD_BOARD", "auto"),
		"linux, sim (a simulated board), or auto: linux if this machine's kernel has remote processors, else sim")
	f.StringVar(&c.profile, "profile", "", "board `FILE` (TOML) that is laid over what is known of this machine's board")
	f.BoolVar(&c.json, "json", false, "print data as JSON")
	f.DurationVar(&c.timeout, "timeout", 10*time.Second, "how long to wait for a processor's start and for each answer; 0: without end")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "say more on standard error")
	root.AddCommand(c.demoCommand(), c.lsCommand(), c.heapsCommand(), c.methodsCommand(), c.callCommand(), c.pingCommand(), c.verifyCommand(),
		c.genCommand(), c.startCommand(), c.stopCommand(), c.traceCommand(), c.firmwareCommand(), c.versionCommand(),
		&cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: exitCodesHelp()})
	c.completeFlag(root, "board", boardNames())
	return root
}

// check looks at the flags that all commands share.
func (c *cli) check() error {
	if c.timeout < 0 {
		return fmt.Errorf("--timeout %v: a time cannot be negative", c.timeout)
	}
	for _, name := range boardNames() {
		if c.board == name {
			return nil
		}
	}
	return fmt.Errorf("--board %q: there are %s", c.board, strings.Join(boardNames(), ", "))
}

func (c *cli) environment(name, otherwise string) string {
	if v := c.getenv(name); v != "" {
		return v
	}
	return otherwise
}

// limit bounds one wait for a processor.
func (c *cli) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.timeout)
}

// printf prints data for people.
func (c *cli) printf(format string, args ...any) { fmt.Fprintf(c.stdout, format, args...) }

// notef says something that is no data.
func (c *cli) notef(format string, args ...any) {
	fmt.Fprintf(c.stderr, "offload: "+format+"\n", args...)
}

// encode prints data as JSON.
func (c *cli) encode(v any) error {
	e := json.NewEncoder(c.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// logger is what the runtime tells: errors, and everything with --verbose. What ends a command is its own error.
func (c *cli) logger() *slog.Logger {
	level := slog.LevelError
	if c.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: level}))
}

// completeFlag gives the values of a flag to the shell.
func (c *cli) completeFlag(cmd *cobra.Command, flag string, values []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil { // the flag does not exist: a mistake in this program
		panic(err)
	}
}
