// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
)

// Dumper is a Processor that can save more of a crash than its trace. Dump is called once after each death, beside the
// recovery; it calls save for each file it has, and ends with ctx.
type Dumper interface {
	Dump(ctx context.Context, save func(name string, from io.WriterTo) error) error
}

// CrashReport is the file report.json of a crash report.
type CrashReport struct {
	Processor  string
	Kernel     string // the kernel's name for it
	Firmware   string
	Remote     string // what the firmware called itself
	Generation uint32
	Time       time.Time
	Reason     string
	Cause      string
	Calls      []CrashCall // open when it died, and the last ended ones
	Module     string      // version of this module
	Files      []string    // beside this one
}

// CrashCall is a call in a crash report.
type CrashCall struct {
	Method string
	State  string // "open", "abandoned" or "answered"
	Sent   string // how long before the death
}

// dumpTime bounds the collection of a crash report. The kernel makes a core dump within a second of a crash.
const dumpTime = 5 * time.Second

// lastCalls describes the newest call of each slot.
func (l *link) lastCalls(now time.Time) (list []CrashCall) {
	for i := range l.slots {
		s := &l.slots[i]
		s.mu.Lock()
		c := CrashCall{Method: s.method, State: "answered", Sent: now.Sub(s.sent).Round(time.Microsecond).String()}
		if s.call != nil {
			c.State = "open"
			if s.call.abandoned {
				c.State = "abandoned"
			}
		}
		s.mu.Unlock()
		if c.Method != "" {
			list = append(list, c)
		}
	}
	return list
}

// beginReport makes the directory of a crash report and writes what cannot wait. The rest is collected by finishReport.
func (s *Session) beginReport(l *link, e *CrashError, trace string) (dir string, err error) {
	now := time.Now()
	dir = filepath.Join(s.cfg.CrashDir, fmt.Sprintf("%s-%s-%d", clean(s.proc.info.Name), now.UTC().Format("20060102T150405.000000Z"), e.Generation))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	r := CrashReport{
		Processor: e.Processor, Kernel: s.proc.info.Kernel, Remote: l.remote.Name, Generation: e.Generation, Time: now,
		Reason: e.Reason, Calls: l.lastCalls(now),
	}
	if e.Cause != nil {
		r.Cause = e.Cause.Error()
	}
	if fw, err := s.proc.Remoteproc().Firmware(); err == nil {
		r.Firmware = fw
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		r.Module = info.Main.Path + " " + info.Main.Version
	}
	var errs []error
	if trace != "" {
		r.Files = append(r.Files, "trace.txt")
		errs = append(errs, os.WriteFile(filepath.Join(dir, "trace.txt"), []byte(trace), 0o640))
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "report.json"), append(text, '\n'), 0o640)
	}
	return dir, errors.Join(append(errs, err)...)
}

// finishReport saves what the board has on the crash.
func (s *Session) finishReport(dir string) {
	d, ok := s.proc.Processor.(Dumper)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(s.life, dumpTime)
	defer cancel()
	err := d.Dump(ctx, func(name string, from io.WriterTo) error {
		f, err := os.OpenFile(filepath.Join(dir, clean(name)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
		if err != nil {
			return err
		}
		_, err = from.WriteTo(f)
		return errors.Join(err, f.Close())
	})
	if err != nil {
		s.log.Warn("crash report is not complete", "directory", dir, "error", err)
	}
}

// clean makes a name safe as the name of a file.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == 0 || r < ' ' {
			return '_'
		}
		return r
	}, strings.TrimLeft(name, "."))
}
