// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/test/qemu/internal/build"
	"github.com/offload-runtime/offload/test/qemu/internal/machine"
)

// artifactsEnv tells the exec command what the test command has built already.
const artifactsEnv = "OFFLOAD_BOARD_ARTIFACTS"

func buildCommand() *cobra.Command {
	var names []string
	var packagesOnly bool
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Install packages, build kernel, modules, firmware, device trees and initramfs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := build.New(".", os.Stderr)
			if err != nil {
				return err
			}
			if packagesOnly {
				return b.Packages(cmd.Context())
			}
			machines, err := machinesByName(names)
			if err != nil {
				return err
			}
			_, err = b.Build(cmd.Context(), machines...)
			return err
		},
	}
	cmd.Flags().StringSliceVarP(&names, "machine", "m", nil, "machines (those with the usual kernel if none is named)")
	cmd.Flags().BoolVar(&packagesOnly, "packages", false, "only install the Debian packages")
	return cmd
}

func machinesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "machines",
		Short: "List the machines",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
			for _, m := range machine.All() {
				fmt.Fprintf(w, "%s\t%s\n", m.Name, m.Summary)
			}
			return w.Flush()
		},
	}
}

func machinesByName(names []string) ([]machine.Machine, error) {
	if len(names) == 0 {
		return machine.Table(), nil
	}
	var machines []machine.Machine
	for _, name := range names {
		m, err := machine.ByName(name)
		if err != nil {
			return nil, err
		}
		machines = append(machines, m)
	}
	return machines, nil
}

// artifacts returns what booting a machine takes: from the environment, if a test command above has built it, else by
// building.
func artifacts(ctx context.Context, m machine.Machine) (*build.Artifacts, error) {
	if text := os.Getenv(artifactsEnv); text != "" {
		var known build.Artifacts
		if err := json.Unmarshal([]byte(text), &known); err != nil {
			return nil, fmt.Errorf("%s: %w", artifactsEnv, err)
		}
		if known.Machine == m.Name {
			return &known, nil
		}
	}
	b, err := build.New(".", os.Stderr)
	if err != nil {
		return nil, err
	}
	all, err := b.Build(ctx, m)
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}
