// SPDX-License-Identifier: Apache-2.0

package guest

import "time"

// Where things are in the guest.
const (
	JobPath     = "/job.json"
	ModuleDir   = "/lib/modules"
	FirmwareDir = "/lib/firmware"
	OutDir      = "/out" // writable, shared with the host, if Job.Out

	// Names of the virtio ports.
	OutputPort  = "offload.output"  // stdout and stderr of the program
	ControlPort = "offload.control" // Reports

	// Mount tags of the 9p shares.
	SourceTag = "source"
	OutTag    = "out"
)

// Job is what one boot is for.
type Job struct {
	Machine string    `json:"machine"`
	Now     time.Time `json:"now"` // the guest has no clock that both boards know

	Modules    []Module `json:"modules"`
	Processors []string `json:"processors"` // must be there once the modules are loaded

	// Source is where the source tree is mounted, read-only: at the path it has on the host, so that the file names in
	// messages are right. Empty: not shared.
	Source string `json:"source,omitempty"`
	Out    bool   `json:"out,omitempty"`

	// Sysctl are values for files below /proc/sys or /sys, written in order after the modules were loaded.
	Sysctl []Setting `json:"sysctl,omitempty"`

	Args []string `json:"args"` // Args[0] is the program; none for a boot that ends when the board is up
	Env  []string `json:"env"`
	Dir  string   `json:"dir"`
	UID  uint32   `json:"uid"`

	Console bool `json:"console"` // the program talks to a terminal, not to the output port
}

// Module is a kernel module to load.
type Module struct {
	File   string `json:"file"` // in ModuleDir
	Params string `json:"params,omitempty"`
}

// Setting is one value for one file.
type Setting struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

// Events of a Report.
const (
	Ready = "ready" // the board is up, the program starts next
	Exit  = "exit"  // the program has ended
	Fault = "fault" // the guest could not do its part
)

// Report is one line on the control port.
type Report struct {
	Event    string        `json:"event"`
	Uptime   time.Duration `json:"uptime"` // since the kernel's start, by its clock
	ExitCode int           `json:"exit_code,omitempty"`
	Signal   string        `json:"signal,omitempty"` // that ended the program
	Text     string        `json:"text,omitempty"`
}
