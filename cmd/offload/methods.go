// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/runtime"
)

type remoteJSON struct {
	Processor   string   `json:"processor"`
	Name        string   `json:"name"`
	Version     int      `json:"version"`
	MTU         int      `json:"mtu"`
	Window      int      `json:"window"`
	CacheLine   int      `json:"cache_line"`
	AddressBits int      `json:"address_bits"`
	Features    []string `json:"features"`
	Uptime      int64    `json:"uptime_us"`
	Methods     []string `json:"methods"`
}

func (c *cli) methodsCommand() *cobra.Command {
	var i firmwareFile
	cmd := &cobra.Command{
		Use:   "methods PROCESSOR",
		Short: "Ask a firmware what it is and which methods it has",
		Args:  cobra.ExactArgs(1), ValidArgsFunction: c.completeProcessor,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withSession(cmd.Context(), i, runtime.SessionConfig{Processor: args[0]},
				func(_ *runtime.Runtime, s *runtime.Session) error { return c.methods(s) })
		},
	}
	i.sessionFlags(cmd)
	return cmd
}

func (c *cli) methods(s *runtime.Session) error {
	r := s.Remote()
	row := remoteJSON{
		Processor: s.Processor(), Name: r.Name, Version: r.Version, MTU: r.MTU, Window: r.Window, CacheLine: r.CacheLine,
		AddressBits: r.AddressBits, Features: []string{}, Uptime: r.Clock.Microseconds(), Methods: []string{},
	}
	for _, f := range []struct {
		bit  uint64
		name string
	}{{wire.FeatureDeadline, "deadline"}, {wire.FeatureCancel, "cancel"}, {wire.FeatureBatch, "batch"}, {wire.FeatureBeat, "beat"},
		{wire.FeatureLog, "log"}} {
		if r.Features&f.bit != 0 {
			row.Features = append(row.Features, f.name)
		}
	}
	for _, m := range r.Methods {
		row.Methods = append(row.Methods, clean(m))
	}
	if c.json {
		return c.encode(row)
	}
	c.printf("%s runs %q, up for %s: protocol %d, messages of %d bytes, %d open calls, cache lines of %d bytes, %d address bits\n",
		row.Processor, row.Name, span(r.Clock), row.Version, row.MTU, row.Window, row.CacheLine, row.AddressBits)
	c.printf("features: %s\n", orDash(strings.Join(row.Features, " ")))
	c.printf("methods:  %s\n", orDash(strings.Join(row.Methods, " ")))
	return nil
}
