// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/offload-runtime/offload/sim"
)

func TestPing(t *testing.T) {
	tool(t, "ping", "dsp0", "--count", "20").want(t, exitOK, "dsp0: 20 pings with a number, 20 answered, 0 lost\n", "")
	tool(t, "ping", "core0", "-n", "1", "--size", "1").want(t, exitOK, "core0: 1 ping with 1 byte, 1 answered, 0 lost\n", "")
	for _, n := range []string{"62", "63", "464"} {
		tool(t, "ping", "dsp0", "-n", "2", "--interval", "1ms", "--size", n).want(t, exitOK, n+" bytes, 2 answered", "")
	}
	tool(t, "ping", "dsp0", "--size", "465").want(t, exitUsage, "", "at most 464")
	tool(t, "ping", "dsp0", "--size", "-1").want(t, exitUsage, "", "negative")
	tool(t, "ping", "dsp0", "--count", "-1").want(t, exitUsage, "", "negative")
	tool(t, "ping", "dsp0", "--interval", "-1s").want(t, exitUsage, "", "negative")
	tool(t, "ping", "dsp9").want(t, exitNotFound, "", "dsp9")
}

func inject(f sim.Fault) func(*sim.Board) error {
	return func(b *sim.Board) error { return b.Inject("dsp0", f) }
}

// TestPingOutage wants outages told in words, and the exit code of the first failure.
func TestPingOutage(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault sim.Fault
		args  string
		code  exitCode
		words string
	}{
		{"crash", sim.Fault{Kind: sim.CrashBefore, Method: "ping", Skip: 2}, "-n 6", exitCrashed,
			`(?s)^\S+ dsp0 does not answer: .*died.*\n\S+ dsp0 answers again, after .*; 1 ping had no answer\ndsp0: 6 pings with a number, 5 answered, 1 lost\nround trip: min `},
		{"drop", sim.Fault{Kind: sim.Drop, Method: "ping", Skip: 2}, "-n 5 --timeout 1s", exitTimeout,
			`(?s)^\S+ dsp0 does not answer: .*deadline.*\n\S+ dsp0 answers again, after 1.00 s; 1 ping had no answer\ndsp0: 5 pings with a number, 4 answered, 1 lost\n`},
		{"to the end", sim.Fault{Kind: sim.Drop, Method: "ping", Count: -1}, "-n 2 --timeout 20ms", exitTimeout,
			`(?s)^\S+ dsp0 does not answer: .*\ndsp0: 2 pings with a number, 0 answered, 2 lost\n$`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // time stands still but for those who wait
				c := &cli{prepare: inject(test.fault)}
				o := run(t, t.Context(), c, append([]string{"ping", "dsp0"}, strings.Fields(test.args)...)...)
				if o.code != test.code || !regexp.MustCompile(test.words).MatchString(o.stdout) {
					t.Errorf("exit code %d, want %d: %q does not match %q", o.code, test.code, o.stdout, test.words)
				}
			})
		})
	}
	c := &cli{prepare: inject(sim.Fault{Kind: sim.CrashBefore, Method: "ping", Skip: 1})}
	o := run(t, t.Context(), c, "ping", "dsp0", "-n", "4", "--json")
	var v struct {
		Sent, Answered, Lost int
		Outages              []outageJSON
	}
	if err := json.Unmarshal([]byte(o.stdout), &v); err != nil || v.Sent != 4 || v.Answered != 3 || v.Lost != 1 || len(v.Outages) != 1 ||
		!v.Outages[0].Ended || v.Outages[0].Pings != 1 || v.Outages[0].Reason == "" {
		t.Errorf("%v, %+v in %q", err, v, o.stdout)
	}
}

// TestPingWrong wants that a ping that comes back changed is noticed.
func TestPingWrong(t *testing.T) {
	mux := sim.NewMux()
	mux.HandleFunc("echo", func(c *sim.Call) error {
		c.Data()
		if err := c.End(); err != nil {
			return err
		}
		return c.ResultBytes(make([]byte, 100))
	})
	c := &cli{sim: sim.Config{Programs: map[string]*sim.Mux{"functions": mux}}}
	run(t, t.Context(), c, "ping", "dsp0", "--size", "100", "-n", "3").want(t, exitProtocol, "came back changed", "came back changed")
}

// TestPingInterrupted ends a ping from within.
func TestPingInterrupted(t *testing.T) {
	for _, test := range []struct {
		count string
		code  exitCode
	}{{"0", exitOK}, {"1000000", exitInterrupted}} {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		mux := sim.NewMux()
		mux.HandleFunc("echo", func(c *sim.Call) error {
			b := bytes.Clone(c.Data())
			if err := c.End(); err != nil {
				return err
			}
			if calls++; calls == 5 {
				cancel()
			}
			return c.ResultBytes(b)
		})
		c := &cli{sim: sim.Config{Programs: map[string]*sim.Mux{"functions": mux}}}
		o := run(t, ctx, c, "ping", "dsp0", "--size", "100", "--count", test.count, "--interval", "1ms")
		cancel()
		// The fifth answer and the interrupt race.
		if o.code != test.code || !regexp.MustCompile(`dsp0: [45] pings with 100 bytes, [45] answered, 0 lost\n`).MatchString(o.stdout) {
			t.Errorf("count %s: %+v", test.count, o)
		}
	}
}
