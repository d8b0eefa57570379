// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/test/qemu/internal/guest"
	"github.com/offload-runtime/offload/test/qemu/internal/machine"
)

func runCommand() *cobra.Command {
	var o options
	var name string
	var busybox bool
	cmd := &cobra.Command{
		Use:   "run -m MACHINE PROGRAM [ARG...]",
		Short: "Run a program that the guest has, such as /bin/offload",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := machine.ByName(name)
			if err != nil {
				return err
			}
			s, err := o.session(m)
			if err != nil {
				return err
			}
			s.name = "run"
			s.job = guest.Job{Args: args, Dir: "/", UID: o.uid}
			if busybox {
				files, err := busyboxFiles(cmd.Context())
				if err != nil {
					return err
				}
				s.files = append(s.files, files...)
			}
			return finish(cmd, s, o.verbose)
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVarP(&name, "machine", "m", "dsp", "machine")
	cmd.Flags().BoolVar(&busybox, "busybox", false, "have a /bin/sh in the guest")
	o.register(cmd)
	return cmd
}

func bootCommand() *cobra.Command {
	var names []string
	var n int
	cmd := &cobra.Command{
		Use:   "boot [-m MACHINE,...] [-n COUNT]",
		Short: "Boot again and again, and say how long it took",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			machines, err := machinesByName(names)
			if err != nil {
				return err
			}
			bad := 0
			for _, m := range machines {
				parts, err := artifacts(cmd.Context(), m)
				if err != nil {
					return err
				}
				var ready, off []time.Duration
				for range n {
					r, err := boot(cmd.Context(), session{machine: m, parts: parts, name: "boot", job: guest.Job{Dir: "/"}, timeout: margin})
					if err != nil {
						return err
					}
					if !good(r) {
						bad++
						continue
					}
					ready, off = append(ready, r.Ready), append(off, r.Wall)
				}
				fmt.Printf("%s: %d boots, %d bad; board up after %s; off after %s\n", m.Name, n, n-len(ready), spread(ready), spread(off))
			}
			if bad > 0 {
				return exitCode(1)
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVarP(&names, "machine", "m", []string{"dsp", "r5f"}, "machines")
	cmd.Flags().IntVarP(&n, "count", "n", 10, "boots of each machine")
	return cmd
}

// spread is minimum, median, 99th percentile and maximum of a sample.
func spread(d []time.Duration) string {
	if len(d) == 0 {
		return "-"
	}
	slices.Sort(d)
	at := func(q float64) time.Duration { return d[int(q*float64(len(d)-1))].Round(time.Millisecond) }
	return fmt.Sprintf("min %v median %v p99 %v max %v", at(0), at(0.5), at(0.99), at(1))
}
