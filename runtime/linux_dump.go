// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/offload-runtime/offload/firmware"
)

// Dump saves the kernel's view of the resource table and the carveouts, and the core dump if the processor's attribute
// "coredump" is not "disabled", which is the kernel's default.
func (p *linuxProcessor) Dump(ctx context.Context, save func(string, io.WriterTo) error) error {
	var errs []error
	for _, name := range []string{"resource_table", "carveout_memories"} {
		f := filepath.Join(p.l.c.SysRoot, "kernel/debug/remoteproc", p.r.Device, name)
		if _, err := os.Stat(f); err == nil {
			errs = append(errs, save(name+".txt", file(f)))
		}
	}
	if mode, err := p.life.CoredumpMode(); err != nil || mode == firmware.CoredumpDisabled {
		return errors.Join(errs...)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	core, err := firmware.WaitCoredump(ctx, p.l.c.SysRoot, p.r.Device)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(errs...)
	}
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	return errors.Join(append(errs, save("coredump.elf", core), core.Release())...)
}

// file is the content of a file.
type file string

func (f file) WriteTo(w io.Writer) (int64, error) {
	r, err := os.Open(string(f))
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, r)
	return n, errors.Join(err, r.Close())
}
