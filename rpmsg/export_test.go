// SPDX-License-Identifier: Apache-2.0

package rpmsg

import "context"

var ParseAddr = parseAddr

// Plain and PlainDevice leave out what a test cannot know.
func Plain(c Channel) Channel { c.path = ""; return c }

func PlainDevice(d Device) Device { d.path = ""; return d }

// OpenNode opens a node while the device at path is there.
func (b Bus) OpenNode(ctx context.Context, node, path string) (*Endpoint, error) {
	return b.openNode(ctx, node, path)
}
