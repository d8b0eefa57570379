/* SPDX-License-Identifier: GPL-2.0 */
/* What differs between the kernels these modules are built for. */
#ifndef _OFFLOAD_COMPAT_H
#define _OFFLOAD_COMPAT_H

#include <linux/module.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#error "Linux 6.6 or later is needed"
#endif

/* A string since 6.13 (cdd30ebb1b9f "module: Convert symbol namespace to string literal"). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define OFFLOAD_IMPORT_NS(ns)	MODULE_IMPORT_NS(#ns)
#else
#define OFFLOAD_IMPORT_NS(ns)	MODULE_IMPORT_NS(ns)
#endif

/* .remove returns nothing since 6.11 (0edb555a65d1); before that .remove_new does. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define platform_remove		remove_new
#else
#define platform_remove		remove
#endif

#endif
