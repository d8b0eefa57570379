// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/offload-runtime/offload/sim"
)

func TestGolden(t *testing.T) {
	for _, test := range []struct{ name, args string }{
		{"ls", "ls"},
		{"ls-dsp0", "ls dsp0"},
		{"ls-json", "ls --json"},
		{"heaps", "heaps"},
		{"heaps-json", "heaps --json"},
		{"exit-codes", "help exit-codes"},
		{"trace", "trace dsp0"},
		{"start", "start dsp0"},
		{"help", "help"},
		{"help-call", "help call"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := tool(t, strings.Fields(test.args)...)
			if o.code != exitOK {
				t.Errorf("exit code %d, stderr %q", o.code, o.stderr)
			}
			// The default of --board is the environment's.
			golden(t, test.name, strings.ReplaceAll(o.stdout, `(default "sim")`, `(default "auto")`))
		})
	}
}

// TestCommands is about exit codes and about what goes where.
func TestCommands(t *testing.T) {
	text := file(t, "text", "The quick brown fox jumps over the lazy dog")
	dir := t.TempDir()
	for _, test := range []struct {
		name           string
		args           []string
		code           exitCode
		stdout, stderr string
	}{
		{"nothing", nil, exitOK, "Available Commands", ""},
		{"unknown command", []string{"nonsense"}, exitUsage, "", `unknown command "nonsense"`},
		{"unknown command of firmware", []string{"firmware", "nonsense"}, exitUsage, "", `unknown command "nonsense"`},
		{"firmware alone", []string{"firmware"}, exitOK, "check", ""},
		{"unknown flag", []string{"ls", "--nonsense"}, exitUsage, "", "unknown flag"},
		{"version", []string{"version"}, exitOK, "protocol 1", ""},
		{"unknown board", []string{"--board", "moon", "ls"}, exitUsage, "", "there are auto, linux, sim"},
		{"negative timeout", []string{"--timeout", "-1s", "ls"}, exitUsage, "", "cannot be negative"},
		{"profile without a kernel", []string{"ls", "--profile", text}, exitUsage, "", "simulated"},
		{"profile that is none", []string{"ls", "--board", "linux", "--profile", text}, exitOther, "", "text:1"},
		{"profile that is not there", []string{"ls", "--board", "linux", "--profile", text + "x"}, exitNotFound, "", text},
		{"ls too much", []string{"ls", "a", "b"}, exitUsage, "", "at most 1"},
		{"ls unknown", []string{"ls", "dsp9"}, exitNotFound, "", "board sim has: dsp0, core0"},
		{"heaps too much", []string{"heaps", "ddr"}, exitUsage, "", ""},
		{"methods", []string{"methods", "core0"}, exitOK, "crc32c", ""},
		{"methods unknown", []string{"methods", "dsp9"}, exitNotFound, "", "dsp9"},
		{"methods of nobody", []string{"methods", ""}, exitNotFound, "", "board sim has"},
		{"methods without", []string{"methods"}, exitUsage, "", "1 arg"},
		{"stop", []string{"stop", "dsp0"}, exitBusy, "", "not running"},
		{"start unknown", []string{"start", "dsp9"}, exitNotFound, "", "dsp9"},
		{"start without firmware file", []string{"start", "dsp0", "--firmware", text + "x"}, exitNotFound, "", "no such file"},
		{"start bad firmware", []string{"start", "dsp0", "--firmware", text}, exitBadFirmware, "", "ELF"},
		{"replace what", []string{"start", "dsp0", "--replace"}, exitUsage, "", "--firmware"},
		{"check bad firmware", []string{"firmware", "check", text}, exitBadFirmware, "truncated", "bad firmware"},
		{"check a directory", []string{"firmware", "check", dir}, exitOther, "", "is a directory"},
		{"check nothing", []string{"firmware", "check", "/dev/null"}, exitBadFirmware, "error", ""},
		{"trace unknown", []string{"trace", "dsp9"}, exitNotFound, "", "dsp9"},
		{"trace negative", []string{"trace", "dsp0", "-n", "-1"}, exitUsage, "", "cannot be negative"},
		{"trace one line", []string{"trace", "dsp0", "-n", "1"}, exitOK, "started", ""},

		{"method", []string{"call", "dsp0", "nonsense"}, exitNotFound, "", "crc32c, fill"},
		{"empty method", []string{"call", "dsp0", ""}, exitNotFound, "", "unknown method"},
		{"processor", []string{"call", "dsp9", "sum"}, exitNotFound, "", "dsp9"},
		{"call without method", []string{"call", "dsp0"}, exitUsage, "", "2 arg"},
		{"no arguments", []string{"call", "dsp0", "sum"}, exitRemote, "", "bad arguments"},
		{"wrong arguments", []string{"call", "dsp0", "sum", "--arg", "5"}, exitRemote, "", "bad arguments"},
		{"too many arguments", []string{"call", "dsp0", "sum", "--arg", "x:01", "--arg", "1"}, exitRemote, "", "bad arguments"},
		{"wrong direction", []string{"call", "dsp0", "sum", "--out", "data=4"}, exitRemote, "", "bad buffer"},
		{"hang", []string{"call", "dsp0", "hang", "--timeout", "50ms"}, exitTimeout, "", "--timeout is 50ms"},
		{"crash", []string{"call", "dsp0", "crash", "--arg", "0"}, exitCrashed, "", "crash was called"},
		{"no memory", []string{"call", "dsp0", "sum", "--heap", "msmc", "--in", "data=2M"}, exitNoMemory, "", "1048576"},
		{"no memory of its own heap", []string{"call", "dsp0", "sum", "--in", "data:msmc=2M"}, exitNoMemory, "", "msmc"},
		{"unknown heap", []string{"call", "dsp0", "sum", "--heap", "attic", "--in", "data=1"}, exitNotFound, "", "attic"},
		{"heap without CPU", []string{"call", "dsp0", "sum", "--heap", "secure", "--in", "data=@" + text}, exitUnsupported, "", "secure"},
		{"no file", []string{"call", "dsp0", "sum", "--in", "data=@" + text + "x"}, exitNotFound, "", "no such file"},
		{"a directory", []string{"call", "dsp0", "sum", "--in", "data=@" + dir}, exitOther, "", "is a directory"},
		{"result into a directory", []string{"call", "dsp0", "fill", "--out", "d=@" + dir + ":4", "--arg", "1"}, exitOther, "", "is a directory"},
		{"result into nowhere", []string{"call", "dsp0", "fill", "--out", "d=@" + dir + "/x/y:4", "--arg", "1"}, exitNotFound, "", "no such file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := tool(t, test.args...)
			if test.stderr == "" {
				test.stderr = o.stderr
			}
			o.want(t, test.code, test.stdout, test.stderr)
			if (test.code == exitOK) != (o.stderr == "") {
				t.Errorf("exit code %d with stderr %q", o.code, o.stderr)
			}
			if strings.Count(strings.TrimSpace(o.stderr), "\n") > 1 {
				t.Errorf("an error of many lines: %q", o.stderr)
			}
		})
	}
}

// TestJSON wants one JSON value with these keys from every command that prints data.
func TestJSON(t *testing.T) {
	data := file(t, "data", "data")
	elf := file(t, "fw.elf", simFirmware(t, sim.FirmwareConfig{}))
	for _, test := range []struct{ args, keys string }{
		{"ls", "board processors"},
		{"ls dsp0", "board processors"},
		{"heaps", "board heaps"},
		{"methods dsp0", "processor name version mtu window methods features"},
		{"version", "version protocol go os arch"},
		{"start dsp0", "name state firmware"},
		{"trace dsp0", "processor lines"},
		{"ping dsp0 -n 3", "processor sent answered lost min_us median_us p99_us max_us outages"},
		{"call dsp0 crc32c --in data=@" + data, "processor method result type time_us buffers bytes_sent bytes_synced"},
		{"call dsp0 echo --arg f:NaN", "result type"},
		{"firmware check " + elf, "file good class machine entry segments findings"},
		{"demo -o " + t.TempDir() + "/x.png", "board processor picture buffers steps wrong_pixels crc32c output"},
	} {
		t.Run(test.args, func(t *testing.T) {
			o := tool(t, append(strings.Fields(test.args), "--json")...)
			if o.code != exitOK {
				t.Fatalf("exit code %d: %s", o.code, o.stderr)
			}
			var v map[string]any
			if err := json.Unmarshal([]byte(o.stdout), &v); err != nil {
				t.Fatalf("%v in %q", err, o.stdout)
			}
			for _, key := range strings.Fields(test.keys) {
				if x, ok := v[key]; !ok || x == nil {
					t.Errorf("%s is %v in %s", key, x, o.stdout)
				}
			}
		})
	}
}

// TestFlags gives nonsense to every flag of every command.
func TestFlags(t *testing.T) {
	// Flags that take any text, where nonsense is another error or none.
	text := map[string]bool{"heap": true, "tile-heap": true, "firmware": true, "profile": true, "output": true, "processor": true, "crash-dir": true, "from": true}
	tried := 0
	var walk func(cmd *cobra.Command, path []string)
	walk = func(cmd *cobra.Command, path []string) {
		cmd.InheritedFlags() // merges them
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" || text[f.Name] {
				return
			}
			for _, value := range []string{"nonsense", "-", "1x", "99999999999999999999999"} {
				args := append(append([]string{}, path...), "--"+f.Name+"="+value)
				if o := tool(t, args...); o.code != exitUsage || o.stdout != "" {
					t.Errorf("%v: exit code %d, stdout %q, stderr %q", args, o.code, o.stdout, o.stderr)
				} else if !strings.Contains(o.stderr, f.Name) && !strings.Contains(o.stderr, "arg(s)") {
					t.Errorf("%v: stderr %q does not name the flag", args, o.stderr)
				}
				tried++
			}
		})
		for _, sub := range cmd.Commands() {
			if sub.Name() != "completion" && sub.Name() != "help" && sub.Name() != "exit-codes" {
				walk(sub, append(append([]string{}, path...), sub.Name()))
			}
		}
	}
	c := &cli{getenv: func(string) string { return "" }}
	root := c.root()
	walk(root, nil)
	if tried < 100 {
		t.Errorf("only %d flags with nonsense", tried)
	}
}

func TestTextFlags(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		args []string
		code exitCode
	}{
		{[]string{"demo", "--heap", "attic", "-o", dir + "/a"}, exitNotFound},
		{[]string{"demo", "--tile-heap", "attic", "-o", dir + "/a"}, exitNotFound},
		{[]string{"demo", "--processor", "dsp9", "-o", dir + "/a"}, exitNotFound},
		{[]string{"demo", "-o", dir}, exitOther},
		{[]string{"demo", "-o", ""}, exitUsage},
		{[]string{"demo", "-o", dir + "/x/y/z"}, exitNotFound},
		{[]string{"demo", "a", "b"}, exitUsage},
		{[]string{"ping", "dsp0", "--firmware", dir}, exitOther},
		{[]string{"firmware", "check", "/dev/null", "--machine", "abacus"}, exitUsage},
		{[]string{"firmware", "check", "/dev/null", "--address-bits", "65"}, exitUsage},
		{[]string{"firmware", "check", "/dev/null", "--processor", "dsp9"}, exitNotFound},
		{[]string{"firmware", "check", "/dev/null", "--processor", "dsp0", "--machine", "arm"}, exitUsage},
	} {
		if o := tool(t, test.args...); o.code != test.code || o.stderr == "" {
			t.Errorf("%q: exit code %d, want %d: %s", test.args, o.code, test.code, o.stderr)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestEnvironment(t *testing.T) {
	env := map[string]string{"OFFLOAD_BOARD": "moon", "OFFLOAD_PROFILE": "/nonsense"}
	c := func() *cli { return &cli{getenv: func(name string) string { return env[name] }} }
	run(t, t.Context(), c(), "ls").want(t, exitUsage, "", "moon")
	// A flag has the last word, and a simulated board needs no profile.
	run(t, t.Context(), c(), "ls", "--board", "sim").want(t, exitOK, "dsp0", "")
	run(t, t.Context(), c(), "ls", "--board", "linux").want(t, exitNotFound, "", "/nonsense")
}

func TestCompletion(t *testing.T) {
	tool(t, "__complete", "call", "d").want(t, exitOK, "dsp0\t", "Completion ended")
	tool(t, "__complete", "--board", "").want(t, exitOK, "linux\nsim\n", "Completion ended")
	o := tool(t, "__complete", "--board", "moon", "call", "")
	if strings.Contains(o.stdout, "dsp0") {
		t.Errorf("processors of no board: %q", o.stdout)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		tool(t, "completion", shell).want(t, exitOK, "offload", "")
	}
}

// simFirmware is a firmware file for a simulated board, as text.
func simFirmware(t *testing.T, c sim.FirmwareConfig) string {
	t.Helper()
	b, err := sim.Firmware(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
