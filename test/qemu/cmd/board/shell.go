// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/test/qemu/internal/build"
	"github.com/offload-runtime/offload/test/qemu/internal/guest"
	"github.com/offload-runtime/offload/test/qemu/internal/machine"
	"github.com/offload-runtime/offload/test/qemu/internal/vm"
)

func shellCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "shell -m MACHINE",
		Short: "Boot and talk to a shell in the guest",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := machine.ByName(name)
			if err != nil {
				return err
			}
			files, err := busyboxFiles(cmd.Context())
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "board %s: \"exit\" ends it, or Ctrl-A X\n", m.Name)
			_, err = boot(cmd.Context(), session{
				machine: m,
				name:    "shell",
				job: guest.Job{
					Args:    []string{"/bin/sh", "-l"},
					Env:     []string{"PS1=" + m.Name + ":\\w# "},
					Dir:     "/",
					Console: true,
				},
				files:   files,
				timeout: 24 * time.Hour,
			})
			return err
		},
	}
	cmd.Flags().StringVarP(&name, "machine", "m", "dsp", "machine")
	return cmd
}

// busyboxFiles are a shell for the guest.
func busyboxFiles(ctx context.Context) ([]vm.File, error) {
	b, err := build.New(".", os.Stderr)
	if err != nil {
		return nil, err
	}
	path, err := b.Busybox(ctx)
	return []vm.File{{Guest: "/bin/busybox", Host: path, Mode: 0o755}, {Guest: "/bin/sh", Host: path, Mode: 0o755}}, err
}
