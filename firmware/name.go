// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"fmt"
	"path"
	"strings"
)

// Limits of names. A path must fit in one sysfs attribute with its newline; PATH_MAX with the kernel's directory in
// front of it is the next one.
const (
	maxFirmwarePath = 1024
	maxFileName     = 128 // leaves room for the hash and for .zst or .xz within NAME_MAX
)

func badName(name, why string) error {
	if len(name) > 64 {
		name = name[:64] + "…"
	}
	return fmt.Errorf("%w: %q %s", ErrBadName, name, why)
}

// checkFirmwarePath accepts what the firmware attribute of a processor can take: "fw.elf", "vendor/fw.elf". The kernel
// cuts the value at the first newline and would look for ".." outside its directories.
func checkFirmwarePath(name string) error {
	switch {
	case name == "":
		return badName(name, "is empty")
	case len(name) > maxFirmwarePath:
		return badName(name, fmt.Sprintf("has %d bytes, the limit is %d", len(name), maxFirmwarePath))
	case path.IsAbs(name):
		return badName(name, "is absolute: it must be relative to the kernel's firmware directory")
	case path.Clean(name) != name || name == "." || strings.HasPrefix(name, "../") || name == "..":
		return badName(name, "holds . or .. or empty parts")
	}
	for _, part := range strings.Split(name, "/") {
		if len(part) > 255 {
			return badName(name, "has a part of more than 255 bytes")
		}
	}
	for _, r := range name {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return badName(name, "holds control characters or bytes that are no text")
		}
	}
	return nil
}

// checkFileName accepts names for new files: letters, digits and . _ + - = , @, no dot in front.
func checkFileName(name string) error {
	switch {
	case name == "":
		return badName(name, "is empty")
	case len(name) > maxFileName:
		return badName(name, fmt.Sprintf("has %d bytes, the limit is %d", len(name), maxFileName))
	case strings.ContainsAny(name, "/\\"):
		return badName(name, "holds a path separator: a plain file name is needed")
	case name[0] == '.' || name[0] == '-':
		return badName(name, "starts with a dot or dash")
	}
	for _, r := range name {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-=,@", r) {
			return badName(name, fmt.Sprintf("holds %q", r))
		}
	}
	return nil
}
