// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/test/qemu/internal/build"
	"github.com/offload-runtime/offload/test/qemu/internal/guest"
	"github.com/offload-runtime/offload/test/qemu/internal/machine"
	"github.com/offload-runtime/offload/test/qemu/internal/vm"
)

// options are what exec and test have in common.
type options struct {
	uid     uint32
	timeout time.Duration
	files   []string
	cmdline []string
	verbose bool
}

func (o *options) register(cmd *cobra.Command) {
	cmd.Flags().Uint32Var(&o.uid, "uid", 0, "user and group of the program in the guest")
	cmd.Flags().DurationVar(&o.timeout, "limit", 10*time.Minute, "time limit of a boot (with -test.timeout: a minute more than that)")
	cmd.Flags().StringArrayVar(&o.files, "file", nil, "GUEST=HOST: a file for the guest")
	cmd.Flags().StringArrayVar(&o.cmdline, "append", nil, "more words for the kernel command line")
	cmd.Flags().BoolVar(&o.verbose, "times", false, "say how long boot and run took")
}

// args are the options as arguments again.
func (o *options) args() []string {
	args := []string{"--uid", strconv.FormatUint(uint64(o.uid), 10), "--limit", o.timeout.String(), "--times=" + strconv.FormatBool(o.verbose)}
	for _, f := range o.files {
		args = append(args, "--file", f)
	}
	for _, w := range o.cmdline {
		args = append(args, "--append", w)
	}
	return args
}

// session is a boot with these options, without a program yet.
func (o *options) session(m machine.Machine) (session, error) {
	m.Cmdline = append(slices.Clone(m.Cmdline), o.cmdline...)
	s := session{machine: m, timeout: o.timeout, output: os.Stdout}
	for _, f := range o.files {
		inGuest, onHost, ok := strings.Cut(f, "=")
		if !ok {
			return s, fmt.Errorf("--file %s: want GUEST=HOST", f)
		}
		s.files = append(s.files, vm.File{Guest: inGuest, Host: onHost, Mode: 0o755})
	}
	return s, nil
}

func execCommand() *cobra.Command {
	var o options
	var name string
	cmd := &cobra.Command{
		Use:   "exec -m MACHINE BINARY [ARG...]",
		Short: "Run a test binary of this host in the guest (for go test -exec)",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := machine.ByName(name)
			if err != nil {
				return err
			}
			return runBinary(cmd, m, o, args[0], args[1:])
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVarP(&name, "machine", "m", "dsp", "machine")
	o.register(cmd)
	return cmd
}

func runBinary(cmd *cobra.Command, m machine.Machine, o options, binary string, args []string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	binary, err = filepath.Abs(binary)
	if err != nil {
		return err
	}
	s, err := o.session(m)
	if err != nil {
		return err
	}
	inGuest := "/test/" + filepath.Base(binary)
	t := splitTestArgs(args)
	s.name = filepath.Base(binary)
	s.job = guest.Job{
		Args: append([]string{inGuest}, t.args...),
		Dir:  dir,
		UID:  o.uid,
		Out:  len(t.outputs) > 0,
	}
	s.files = append(s.files, vm.File{Guest: inGuest, Host: binary, Mode: 0o755})
	if t.timeout > 0 {
		s.timeout = t.timeout + margin
	}
	if s.job.Out {
		s.outDirs, s.after = t.dirs(), t.collect
	}
	return finish(cmd, s, o.verbose)
}

// finish boots and turns the result into an exit code.
func finish(cmd *cobra.Command, s session, verbose bool) error {
	r, err := boot(cmd.Context(), s)
	if err != nil {
		return err
	}
	if verbose {
		fmt.Fprintf(os.Stderr, "board %s: up after %v, off after %v\n", s.machine.Name,
			r.Ready.Round(time.Millisecond), r.Wall.Round(time.Millisecond))
	}
	switch {
	case r.Exited && r.ExitCode != 0:
		return exitCode(r.ExitCode)
	case !good(r):
		return exitCode(1)
	}
	return nil
}

func testCommand() *cobra.Command {
	var o options
	var names []string
	cmd := &cobra.Command{
		Use:   "test [-m MACHINE,...] [GO TEST ARGUMENT...]",
		Short: "Run go test with every test binary in a guest of its own",
		RunE: func(cmd *cobra.Command, args []string) error {
			machines, err := machinesByName(names)
			if err != nil {
				return err
			}
			b, err := build.New(".", os.Stderr)
			if err != nil {
				return err
			}
			parts, err := b.Build(cmd.Context(), machines...)
			if err != nil {
				return err
			}
			var failed []string
			for i, m := range machines {
				fmt.Fprintf(os.Stderr, "board %s\n", m.Name)
				if err := goTest(cmd, m, o, parts[i], args); err != nil {
					var exit *exec.ExitError
					if !errors.As(err, &exit) {
						return err
					}
					failed = append(failed, m.Name)
				}
			}
			if len(failed) > 0 {
				fmt.Fprintf(os.Stderr, "board: tests failed on %s\n", strings.Join(failed, ", "))
				return exitCode(1)
			}
			return nil
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringSliceVarP(&names, "machine", "m", []string{"dsp"}, "machines, one after the other")
	o.register(cmd)
	return cmd
}

func goTest(cmd *cobra.Command, m machine.Machine, o options, parts build.Artifacts, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	known, err := json.Marshal(parts)
	if err != nil {
		return err
	}
	runner := append([]string{self, "exec", "--machine", m.Name}, o.args()...)
	// One guest at a time: on a small host two emulated boards at once only make each other slow.
	test := exec.CommandContext(cmd.Context(), "go", append([]string{"test", "-p=1", "-exec", quoteExec(runner)}, args...)...)
	test.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", artifactsEnv+"="+string(known))
	test.Stdout, test.Stderr = os.Stdout, os.Stderr
	test.Cancel = func() error { return test.Process.Signal(os.Interrupt) }
	test.WaitDelay = 20 * time.Second
	return test.Run()
}

// quoteExec makes a command one value for go test -exec, which knows both kinds of quotes and no escapes.
func quoteExec(command []string) string {
	var words []string
	for _, word := range command {
		if word == "" || strings.ContainsAny(word, " \t'") {
			quote := "'"
			if strings.Contains(word, quote) {
				quote = `"`
			}
			word = quote + word + quote
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
