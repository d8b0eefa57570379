// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"fmt"
	"strings"
)

// Severity orders findings. SeverityError means that the kernel refuses the image or that the processor will not work.
type Severity uint8

const (
	SeverityInfo Severity = iota
	SeverityWarning
	SeverityError
)

func (s Severity) String() string {
	switch s {
	case SeverityInfo:
		return "info"
	case SeverityWarning:
		return "warning"
	case SeverityError:
		return "error"
	}
	return fmt.Sprintf("severity(%d)", uint8(s))
}

// Code names a kind of defect. Codes are stable; scripts may depend on them.
type Code string

const (
	Truncated         Code = "truncated"
	NotELF            Code = "not-elf"
	WrongByteOrder    Code = "wrong-byte-order"
	BadHeader         Code = "bad-header"
	BadNote           Code = "bad-note"
	NoSegments        Code = "no-segments"
	WrongClass        Code = "wrong-class"
	WrongMachine      Code = "wrong-machine"
	SegmentOverlap    Code = "segment-overlap"
	SegmentOutside    Code = "segment-outside"
	BeyondReach       Code = "beyond-reach"
	EntryOutside      Code = "entry-outside"
	NoResourceTable   Code = "no-resource-table"
	BadResourceTable  Code = "bad-resource-table"
	TableNotLoaded    Code = "table-not-loaded"
	UnterminatedName  Code = "unterminated-name"
	AddressOverlap    Code = "address-overlap"
	EmptyRange        Code = "empty-range"
	BadVdev           Code = "bad-vdev"
	NoVdev            Code = "no-vdev"
	NoNameService     Code = "no-name-service"
	BadVring          Code = "bad-vring"
	NoTrace           Code = "no-trace"
	TraceOutside      Code = "trace-outside"
	UnknownEntry      Code = "unknown-entry"
	CarveoutAfterUser Code = "carveout-after-user"
)

// Finding is one remark of Check.
type Finding struct {
	Severity Severity
	Code     Code
	Message  string // what is there
	Fix      string // what to do about it
}

func (f Finding) String() string {
	if f.Fix == "" {
		return fmt.Sprintf("%v: %s: %s", f.Severity, f.Code, f.Message)
	}
	return fmt.Sprintf("%v: %s: %s; %s", f.Severity, f.Code, f.Message, f.Fix)
}

// Findings are the remarks of Check, in the order of the file.
type Findings []Finding

// Worst returns the highest severity, SeverityInfo for an empty list.
func (fs Findings) Worst() Severity {
	worst := SeverityInfo
	for _, f := range fs {
		worst = max(worst, f.Severity)
	}
	return worst
}

// Has reports whether there is a finding of this code.
func (fs Findings) Has(code Code) bool {
	for _, f := range fs {
		if f.Code == code {
			return true
		}
	}
	return false
}

// Err returns nil if no finding is a SeverityError, else a *BadImageError with the first one's code and the text of all of them.
func (fs Findings) Err() error {
	var texts []string
	var code Code
	for _, f := range fs {
		if f.Severity < SeverityError {
			continue
		}
		if texts == nil {
			code = f.Code
		}
		text := f.Message
		if len(texts) > 0 {
			text = string(f.Code) + ": " + text
		}
		if f.Fix != "" {
			text += " (" + f.Fix + ")"
		}
		texts = append(texts, text)
	}
	if texts == nil {
		return nil
	}
	return &BadImageError{Code: code, Offset: -1, Detail: strings.Join(texts, "; ")}
}
