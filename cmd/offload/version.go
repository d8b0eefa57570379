// SPDX-License-Identifier: Apache-2.0

package main

import (
	goruntime "runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/internal/wire"
)

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			version, commit := "(devel)", ""
			if info, ok := debug.ReadBuildInfo(); ok {
				if info.Main.Version != "" {
					version = info.Main.Version
				}
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						commit = s.Value
					}
				}
			}
			if c.json {
				return c.encode(map[string]any{"version": version, "commit": commit, "protocol": wire.Version, "go": goruntime.Version(),
					"os": goruntime.GOOS, "arch": goruntime.GOARCH})
			}
			c.printf("offload %s (protocol %d, %s, %s/%s)\n", version, wire.Version, goruntime.Version(), goruntime.GOOS, goruntime.GOARCH)
			return nil
		},
	}
}
