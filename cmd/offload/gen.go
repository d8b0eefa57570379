// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/offload-runtime/offload/internal/gen"
	"github.com/offload-runtime/offload/runtime"
)

const genLong = `Make both sides of a remote interface from one description: a Go file with an interface.

  offload gen filter.go                 write the Go client, filter_offload.go
  offload gen filter.go --c firmware    also firmware/filter_offload.h and .c for the firmware kit
  offload gen --from dsp0               print a description to begin with: the methods of a firmware

A method takes a context.Context first and returns an error last, and at most one result before it:

  // Gain multiplies each byte of in by factor.
  //
  //offload:out out
  //offload:in in
  Gain(ctx context.Context, out, in runtime.Ref, factor uint8) (uint64, error)

Parameters and results are booleans, numbers, strings and []byte; parameters also runtime.Ref, a
range of a buffer, with //offload:in, //offload:out or //offload:inout and the parameter's name. The
name on the wire is the Go name in snake case, or what //offload:method NAME says.

C files go to a directory without Go files: Go refuses a package with C files in it.`

type genFlags struct {
	goFile, c, from, pkg string
	firmware             firmwareFile
}

func (c *cli) genCommand() *cobra.Command {
	var f genFlags
	cmd := &cobra.Command{
		Use:   "gen [FILE.go]",
		Short: "Generate a typed Go client and C stubs from an interface",
		Long:  genLong,
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.pkg != "" && f.from == "":
				return usagef("--package is for --from; a description says its package itself")
			case f.from != "" && (f.goFile != "" || f.c != ""):
				return usagef("--go and --c are for a description; --from prints one")
			case (f.from == "") == (len(args) == 0):
				return usagef("either a description (FILE.go) or --from PROCESSOR")
			case f.from != "":
				return c.withSession(cmd.Context(), f.firmware, runtime.SessionConfig{Processor: f.from},
					func(_ *runtime.Runtime, s *runtime.Session) error { return c.skeleton(s, f.pkg) })
			}
			return c.generate(args[0], f)
		},
	}
	cmd.Flags().StringVar(&f.goFile, "go", "", "`FILE` of the client, instead of FILE_offload.go; - is standard output")
	cmd.Flags().StringVar(&f.c, "c", "", "`DIRECTORY` of the C files; without it there are none")
	cmd.Flags().StringVar(&f.from, "from", "", "`PROCESSOR` whose firmware is asked for its methods")
	cmd.Flags().StringVar(&f.pkg, "package", "", "with --from: the package `NAME` of the description (default remote)")
	f.firmware.flags(cmd)
	return cmd
}

func (c *cli) skeleton(s *runtime.Session, pkg string) error {
	if pkg == "" {
		pkg = "remote"
	}
	r := s.Remote()
	text, err := gen.Skeleton(pkg, r.Name, r.Methods)
	if err != nil {
		return usage{err}
	}
	c.printf("%s", text)
	return nil
}

func (c *cli) generate(name string, f genFlags) error {
	base, ok := strings.CutSuffix(name, ".go")
	if !ok {
		return usagef("%s: a description is a Go file", name)
	}
	src, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	file, err := gen.Parse(name, src)
	if err != nil {
		return usage{err}
	}
	client, err := file.Client()
	if err != nil {
		return err
	}
	base += "_offload"
	switch f.goFile {
	case "-":
		c.printf("%s", client)
	case "":
		f.goFile = base + ".go"
		fallthrough
	default:
		if err := os.WriteFile(f.goFile, client, 0o666); err != nil {
			return err
		}
	}
	if f.c == "" {
		return nil
	}
	header := filepath.Base(base) + ".h"
	if err := os.WriteFile(filepath.Join(f.c, header), file.Header(), 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(f.c, filepath.Base(base)+".c"), file.Source(header), 0o666)
}
