// SPDX-License-Identifier: Apache-2.0

package firmware

// State is what the state attribute reads. Kernels differ in their vocabulary (the ABI document lists five words, the code
// eight, and a "defunct" has been proposed), so any other word is kept as it is.
type State string

const (
	StateOffline   State = "offline"
	StateSuspended State = "suspended"
	StateRunning   State = "running"
	StateCrashed   State = "crashed"
	StateDeleted   State = "deleted"
	StateAttached  State = "attached" // started by a boot loader, Linux joined
	StateDetached  State = "detached" // started by a boot loader, Linux did not join
	StateInvalid   State = "invalid"
)

// Known reports whether the state is one of the words above.
func (s State) Known() bool {
	switch s {
	case StateOffline, StateSuspended, StateRunning, StateCrashed, StateDeleted, StateAttached, StateDetached, StateInvalid:
		return true
	}
	return false
}

// Up reports whether the kernel counts the processor as started: a further start would only raise its power count.
func (s State) Up() bool {
	return s == StateRunning || s == StateAttached || s == StateSuspended
}

// CoredumpMode is what the kernel does with the memory of a crashed processor.
type CoredumpMode string

const (
	CoredumpDisabled CoredumpMode = "disabled" // the kernel's default
	CoredumpEnabled  CoredumpMode = "enabled"  // copied, then recovered
	CoredumpInline   CoredumpMode = "inline"   // recovery waits until the dump was read
)
