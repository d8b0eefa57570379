// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/runtime"
)

type verdictJSON struct {
	Processor string `json:"processor"`
	Heap      string `json:"heap"`
	Coherent  bool   `json:"declared_coherent"`
	Right     bool   `json:"right"`
}

func (c *cli) verifyCommand() *cobra.Command {
	var i firmwareFile
	var heap string
	cmd := &cobra.Command{
		Use:   "verify PROCESSOR",
		Short: "Check that the CPU and a processor see each other's bytes",
		Long: `Check that the CPU and a processor see each other's bytes, when everything is synchronised that the board's description
asks for. A device tree or board file that calls a processor coherent which is not shows here. The firmware needs the
functions fill and sum.`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: c.completeProcessor,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withSession(cmd.Context(), i, runtime.SessionConfig{Processor: args[0]},
				func(rt *runtime.Runtime, s *runtime.Session) error { return c.verify(cmd.Context(), rt, s, heap) })
		},
	}
	cmd.Flags().StringVar(&heap, "heap", "", "`HEAP` to try (default: every contiguous one that the CPU can map)")
	i.sessionFlags(cmd)
	return cmd
}

func (c *cli) verify(ctx context.Context, rt *runtime.Runtime, s *runtime.Session, heap string) error {
	heaps := []string{heap}
	if heap == "" {
		list, err := rt.Heaps()
		if err != nil {
			return err
		}
		heaps = nil
		for _, h := range list {
			if h.Contiguous && h.Mappable {
				heaps = append(heaps, h.Name)
			}
		}
	}
	coherent := false
	processors, err := rt.Board().Processors()
	if err != nil {
		return err
	}
	for _, p := range processors {
		if p.Info().Name == s.Processor() {
			coherent = p.Info().Coherent
		}
	}
	rows := []verdictJSON{}
	var errs []error
	for _, h := range heaps {
		err := s.VerifyCoherence(ctx, h)
		if err != nil && !errors.Is(err, runtime.ErrIncoherent) {
			if heap != "" {
				return err
			}
			c.logger().Info("heap is left out", "heap", h, "error", err)
			continue
		}
		rows = append(rows, verdictJSON{Processor: s.Processor(), Heap: h, Coherent: coherent, Right: err == nil})
		errs = append(errs, err)
	}
	if len(rows) == 0 {
		return fmt.Errorf("no heap of this board can be tried with %s: %w", s.Processor(), errors.ErrUnsupported)
	}
	if c.json {
		if err := c.encode(rows); err != nil {
			return err
		}
		return errors.Join(errs...)
	}
	for _, r := range rows {
		verdict := "right"
		if !r.Right {
			verdict = "WRONG"
		}
		c.printf("%s with %s: %s\n", r.Processor, r.Heap, verdict)
	}
	return errors.Join(errs...)
}
