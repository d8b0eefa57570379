// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/runtime"
)

func (c *cli) startCommand() *cobra.Command {
	var i firmwareFile
	cmd := &cobra.Command{
		Use:   "start PROCESSOR",
		Short: "Start a processor and leave it running",
		Long: `Start a processor with the firmware that it is set to, or with --firmware FILE, and leave it
running. It need not speak the protocol of this project. A simulated board ends with the
command, and its processors with it.`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: c.completeProcessor,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withProcessor(cmd.Context(), args[0], func(b runtime.Board, p runtime.Processor) error {
				return c.startProcessor(cmd.Context(), b, p, i)
			})
		},
	}
	i.flags(cmd)
	return cmd
}

func (c *cli) startProcessor(ctx context.Context, b runtime.Board, p runtime.Processor, i firmwareFile) error {
	content, err := i.read(c, p.Info())
	if err != nil {
		return err
	}
	ctx, cancel := c.limit(ctx)
	defer cancel()
	rp := p.Remoteproc()
	if content != nil {
		state, err := rp.State()
		if err != nil {
			return err
		}
		if state.Up() && i.replace {
			if err := rp.Stop(ctx); err != nil {
				return err
			}
		}
		name, err := p.Install("offload-"+p.Info().Name+".elf", content)
		if err != nil {
			return err
		}
		if err := rp.SetFirmware(ctx, name); err != nil {
			return err
		}
	}
	if err := rp.Start(ctx); err != nil {
		return err
	}
	return c.state(b, p)
}

func (c *cli) stopCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stop PROCESSOR",
		Short: "Stop a processor",
		Args:  cobra.ExactArgs(1), ValidArgsFunction: c.completeProcessor,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withProcessor(cmd.Context(), args[0], func(b runtime.Board, p runtime.Processor) error {
				ctx, cancel := c.limit(cmd.Context())
				defer cancel()
				if err := p.Remoteproc().Stop(ctx); err != nil {
					if simulated(b) {
						return fmt.Errorf("%w (a simulated board lives no longer than the command)", err)
					}
					return err
				}
				return c.state(b, p)
			})
		},
	}
}

// state prints how a processor is now.
func (c *cli) state(b runtime.Board, p runtime.Processor) error {
	row, err := describe(p)
	if err != nil {
		return err
	}
	if simulated(b) {
		c.notef("board %s is simulated: it ends with this command", b.Name())
	}
	if c.json {
		return c.encode(row)
	}
	c.printf("%s is %s with firmware %s\n", row.Name, row.State, orDash(row.Firmware))
	return nil
}
