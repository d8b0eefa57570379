// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/runtime"
)

// traceInterval is how often the trace buffer is looked at: each look copies all of it.
const traceInterval = 200 * time.Millisecond

func (c *cli) traceCommand() *cobra.Command {
	var follow bool
	var lines int
	cmd := &cobra.Command{
		Use:   "trace PROCESSOR",
		Short: "Print the trace buffer of a firmware",
		Long: `Print what the firmware wrote to its trace buffer. With --follow, print what it writes from now
on as well, until interrupted; it survives restarts of the processor. On a simulated board the
processor is started first.`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: c.completeProcessor,
		RunE: func(cmd *cobra.Command, args []string) error {
			if lines < 0 {
				return usagef("--lines %d: a number of lines cannot be negative", lines)
			}
			return c.withProcessor(cmd.Context(), args[0], func(b runtime.Board, p runtime.Processor) error {
				if !simulated(b) {
					return c.trace(cmd.Context(), p, follow, lines)
				}
				return c.withRunning(cmd.Context(), b, runtime.SessionConfig{Processor: args[0]}, func(*runtime.Runtime, *runtime.Session) error {
					return c.trace(cmd.Context(), p, follow, lines)
				})
			})
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until interrupted")
	cmd.Flags().IntVarP(&lines, "lines", "n", 0, "only the last `N` lines; 0: all")
	return cmd
}

func (c *cli) trace(ctx context.Context, p runtime.Processor, follow bool, lines int) error {
	r := firmware.NewTraceReader(func() ([]byte, error) {
		s, err := p.Trace()
		if err != nil {
			if state, e := p.Remoteproc().State(); e == nil && !state.Up() {
				err = fmt.Errorf("%w; the processor is %s", err, state)
			}
		}
		return []byte(s), err
	})
	if !follow {
		if lines == 0 {
			lines = 1 << 30
		}
		list, err := r.Tail(lines)
		if err != nil {
			return err
		}
		if c.json {
			return c.encode(map[string]any{"processor": p.Info().Name, "lines": append([]string{}, list...)})
		}
		for _, l := range list {
			c.printf("%s\n", l)
		}
		return nil
	}
	first := true
	err := r.Follow(ctx, traceInterval, func(u firmware.TraceUpdate) error {
		if first && lines > 0 && len(u.Lines) > lines {
			u.Lines = u.Lines[len(u.Lines)-lines:]
		}
		if u.Restarted && !first {
			c.notef("%s: the trace began anew", p.Info().Name)
		}
		first = false
		return c.traceLines(u.Lines)
	})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // interrupting is how one ends --follow
	}
	return err
}

// traceLines prints lines; with --json, one JSON value a line, because nobody knows when it ends.
func (c *cli) traceLines(list []string) error {
	e := json.NewEncoder(c.stdout)
	for _, l := range list {
		if !c.json {
			c.printf("%s\n", l)
		} else if err := e.Encode(map[string]string{"line": l}); err != nil {
			return err
		}
	}
	return nil
}
