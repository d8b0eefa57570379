// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/offload-runtime/offload/test/qemu/internal/guest"
)

// follower reads what QEMU writes into the run's files while it writes it. Files, not sockets: the command line then
// works by hand as well, and what a run said stays.
type follower struct {
	c       *Config
	start   time.Time
	control []byte // an incomplete line
	result  Result
}

func newFollower(c *Config, start time.Time) *follower {
	return &follower{c: c, start: start}
}

func (f *follower) run(ended <-chan struct{}) error {
	control, err := os.Open(filepath.Join(f.c.Dir, controlFile))
	if err != nil {
		return err
	}
	defer control.Close()
	output, err := os.Open(filepath.Join(f.c.Dir, outputFile))
	if err != nil {
		return err
	}
	defer output.Close()

	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for last := false; !last; {
		select {
		case <-tick.C:
		case <-ended:
			last = true
		}
		lines, err := io.ReadAll(control)
		err = errors.Join(err, f.reports(lines))
		if f.c.Output != nil {
			_, copyErr := io.Copy(f.c.Output, output)
			err = errors.Join(err, copyErr)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) reports(text []byte) error {
	f.control = append(f.control, text...)
	for {
		line, rest, ok := bytes.Cut(f.control, []byte("\n"))
		if !ok {
			return nil
		}
		f.control = rest
		var r guest.Report
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("guest report %q: %w", line, err)
		}
		switch r.Event {
		case guest.Ready:
			f.result.Ready = time.Since(f.start)
		case guest.Exit:
			f.result.Exited = true
			f.result.ExitCode = r.ExitCode
			f.result.Signal = r.Signal
		case guest.Fault:
			f.result.Fault = r.Text
		}
	}
}
