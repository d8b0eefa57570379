// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/runtime"
)

const (
	pingMethodMost = 62 // bytes of a byte string whose encoding fits into the 64 of the protocol's ping
	messageRest    = 32 // what a message holds beside the byte string
	longestPing    = time.Hour
)

// pinger sends pings and keeps the account.
type pinger struct {
	c        *cli
	s        *runtime.Session
	count    int
	size     int
	interval time.Duration

	sent, answered int
	times          *hdrhistogram.Histogram
	failure        error     // the first
	down           time.Time // when the first ping without answer was sent; zero while all is well
	missed         int       // pings since then
	outages        []outageJSON
}

type outageJSON struct {
	From   time.Time `json:"from"`
	Time   float64   `json:"seconds"`
	Pings  int       `json:"pings"`
	Ended  bool      `json:"ended"`
	Reason string    `json:"reason"`
}

func (c *cli) pingCommand() *cobra.Command {
	var i firmwareFile
	p := &pinger{c: c}
	cmd := &cobra.Command{
		Use:   "ping PROCESSOR",
		Short: "Measure round trips to a firmware, and watch for outages",
		Long: `Send pings to a firmware and print the times of the round trips. With --count 0 it goes on until
interrupted, one ping a second, and tells when the processor stops answering and when it
answers again. The exit code is 0 if every ping was answered, else that of the first failure.`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: c.completeProcessor,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case p.count < 0:
				return usagef("--count %d: a number of pings cannot be negative", p.count)
			case p.size < 0:
				return usagef("--size %d: a number of bytes cannot be negative", p.size)
			case p.interval < 0:
				return usagef("--interval %v: a time cannot be negative", p.interval)
			}
			if p.count == 0 && !cmd.Flags().Changed("interval") {
				p.interval = time.Second
			}
			// Outages are what a watcher wants to see the end of, however long they are.
			cfg := runtime.SessionConfig{Processor: args[0], RecoveryTime: 365 * 24 * time.Hour}
			return c.withSession(cmd.Context(), i, cfg, func(_ *runtime.Runtime, s *runtime.Session) error {
				p.s = s
				return p.run(cmd.Context())
			})
		},
	}
	f := cmd.Flags()
	f.IntVarP(&p.count, "count", "n", 100, "number of pings; 0: until interrupted")
	f.IntVar(&p.size, "size", 0, "`BYTES` that each ping carries; 0: a number")
	f.DurationVar(&p.interval, "interval", 0, "pause between pings (1s with --count 0)")
	i.sessionFlags(cmd)
	return cmd
}

func (p *pinger) run(ctx context.Context) error {
	if most := p.s.Remote().MTU - messageRest; p.size > most {
		return usagef("--size %d: a message to %s carries at most %d bytes", p.size, p.s.Processor(), most)
	}
	p.times = hdrhistogram.New(1, longestPing.Nanoseconds(), 3)
	for ctx.Err() == nil && (p.count == 0 || p.sent < p.count) {
		if p.sent > 0 && p.interval > 0 {
			select {
			case <-ctx.Done():
				continue
			case <-time.After(p.interval):
			}
		}
		began := time.Now()
		err := p.ping(ctx)
		if ctx.Err() != nil && err != nil {
			break // this ping was not given its time
		}
		p.sent++
		p.account(began, err)
	}
	if !p.down.IsZero() {
		p.outage(false)
	}
	if err := p.report(); err != nil {
		return err
	}
	if p.failure == nil && p.count > 0 && p.sent < p.count {
		return ctx.Err()
	}
	return p.failure
}

// ping sends one and checks its answer.
func (p *pinger) ping(ctx context.Context) error {
	ctx, cancel := p.c.limit(ctx)
	defer cancel()
	if p.size == 0 {
		var got uint64
		want := uint64(p.sent)
		if err := p.s.Call(ctx, "ping", &got, want); err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("ping on %s: sent %d, got %d back: %w", p.s.Processor(), want, got, runtime.ErrProtocol)
		}
		return nil
	}
	method := "ping"
	if p.size > pingMethodMost {
		method = "echo"
	}
	want := bytes.Repeat([]byte{byte(p.sent)}, p.size)
	var got []byte
	if err := p.s.Call(ctx, method, &got, want); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s on %s: %d bytes came back changed: %w", method, p.s.Processor(), p.size, runtime.ErrProtocol)
	}
	return nil
}

// account enters one ping into the account and tells of changes.
func (p *pinger) account(began time.Time, err error) {
	if err == nil {
		p.answered++
		// The histogram takes all times up to an hour; a longer one counts as an hour.
		_ = p.times.RecordValue(min(max(time.Since(began).Nanoseconds(), 1), longestPing.Nanoseconds()))
		if !p.down.IsZero() {
			p.outage(true)
		}
		return
	}
	if p.failure == nil {
		p.failure = err
	}
	p.missed++
	if !p.down.IsZero() {
		return
	}
	p.down = began
	p.outages = append(p.outages, outageJSON{From: began, Reason: oneLine(err)})
	p.say("%s %s does not answer: %s\n", clock(began), p.s.Processor(), oneLine(err))
}

// outage ends the present outage, or at the end of the run leaves it open.
func (p *pinger) outage(ended bool) {
	took := time.Since(p.down)
	o := &p.outages[len(p.outages)-1]
	o.Time, o.Pings, o.Ended = took.Seconds(), p.missed, ended
	if ended {
		p.say("%s %s answers again, after %s; %s had no answer\n", clock(time.Now()), p.s.Processor(), span(took), plural(p.missed, "ping", "pings"))
	}
	p.down, p.missed = time.Time{}, 0
}

func (p *pinger) say(format string, args ...any) {
	if !p.c.json {
		p.c.printf(format, args...)
	}
}

func clock(t time.Time) string { return t.Format("15:04:05.000") }

func (p *pinger) report() error {
	at := func(q float64) time.Duration { return time.Duration(p.times.ValueAtQuantile(q)) }
	least, most := time.Duration(p.times.Min()), time.Duration(p.times.Max())
	lost := p.sent - p.answered
	if p.c.json {
		micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
		v := map[string]any{
			"processor": p.s.Processor(), "size": p.size, "sent": p.sent, "answered": p.answered, "lost": lost,
			"outages": append([]outageJSON{}, p.outages...),
		}
		if p.answered > 0 {
			v["min_us"], v["median_us"], v["p99_us"], v["max_us"] = micros(least), micros(at(50)), micros(at(99)), micros(most)
		}
		return p.c.encode(v)
	}
	content := "a number"
	if p.size > 0 {
		content = plural(p.size, "byte", "bytes")
	}
	p.say("%s: %s with %s, %s answered, %s lost\n", p.s.Processor(), plural(p.sent, "ping", "pings"), content, grouped(uint64(p.answered)), grouped(uint64(lost)))
	if p.answered > 0 {
		p.say("round trip: min %s, median %s, p99 %s, max %s\n", span(least), span(at(50)), span(at(99)), span(most))
	}
	return nil
}
