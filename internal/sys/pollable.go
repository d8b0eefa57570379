// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// SetNonblock sets O_NONBLOCK on the open file of a borrowed descriptor.
func SetNonblock(raw int) error {
	if err := unix.SetNonblock(raw, true); err != nil {
		return fmt.Errorf("descriptor %d: O_NONBLOCK: %w", raw, err)
	}
	return nil
}

// Pollable reports whether epoll takes a borrowed descriptor. Regular files give EPERM.
func Pollable(raw int) error {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	defer unix.Close(ep)
	if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, raw, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(raw)}); err != nil {
		return fmt.Errorf("descriptor %d cannot be polled: %w", raw, err)
	}
	return nil
}
