// SPDX-License-Identifier: Apache-2.0
/*
 * Round trips over an rpmsg endpoint with nothing in between but read and
 * write: what the library's figures are compared with.
 *
 *   cping [-n COUNT] [-w WARMUP] [-s SIZE | -x HEX] DEVICE
 *   cping [-n COUNT] [-w WARMUP] [-s SIZE | -x HEX] -d ADDRESS CONTROL
 *
 * DEVICE is an existing /dev/rpmsgN. With -d an endpoint to the remote
 * address is created through CONTROL (/dev/rpmsg_ctrlN) and destroyed at the
 * end. -x gives the message as hexadecimal digits; an answer of any length
 * counts as one round trip.
 *
 * Prints one line: the payload's size, median, 99th percentile and maximum of
 * a round trip, the CPU time of this process over all of them, and the time
 * they took together, in nanoseconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/ioctl.h>
#include <linux/types.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* include/uapi/linux/rpmsg.h */
struct rpmsg_endpoint_info {
	char name[32];
	__u32 src;
	__u32 dst;
};
#define RPMSG_ADDR_ANY		0xffffffff
#define RPMSG_CREATE_EPT_IOCTL	_IOW(0xb5, 0x1, struct rpmsg_endpoint_info)
#define RPMSG_DESTROY_EPT_IOCTL	_IO(0xb5, 0x2)

#define MTU 496	/* of the virtio transport */

static void die(const char *what)
{
	fprintf(stderr, "cping: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int compare(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

	return (a > b) - (a < b);
}

/* Opens the device whose sysfs name attribute is name; it appears a little after the ioctl. */
static int open_by_name(const char *name)
{
	for (int try = 0; try < 1000; try++) {
		glob_t found;

		if (glob("/sys/class/rpmsg/rpmsg*/name", 0, NULL, &found) == 0) {
			for (size_t i = 0; i < found.gl_pathc; i++) {
				char text[64] = "", dev[64];
				FILE *f = fopen(found.gl_pathv[i], "r");

				if (!f)
					continue;
				if (fgets(text, sizeof(text), f))
					text[strcspn(text, "\n")] = 0;
				fclose(f);
				if (strcmp(text, name) ||
				    sscanf(found.gl_pathv[i], "/sys/class/rpmsg/%32[^/]", text) != 1)
					continue;
				snprintf(dev, sizeof(dev), "/dev/%s", text);
				globfree(&found);
				return open(dev, O_RDWR | O_CLOEXEC);
			}
			globfree(&found);
		}
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	errno = ENODEV;
	return -1;
}

static int create_endpoint(const char *control, uint32_t dst)
{
	struct rpmsg_endpoint_info info = { .src = RPMSG_ADDR_ANY, .dst = dst };
	int fd = open(control, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die(control);
	snprintf(info.name, sizeof(info.name), "cping-%d", getpid());
	if (ioctl(fd, RPMSG_CREATE_EPT_IOCTL, &info))
		die("creating an endpoint");
	close(fd);
	fd = open_by_name(info.name);
	if (fd < 0)
		die(info.name);
	return fd;
}

static size_t parse_hex(const char *text, unsigned char *to)
{
	size_t n = strlen(text) / 2;

	if (strlen(text) % 2 || n > MTU) {
		fprintf(stderr, "cping: -x wants an even number of digits, up to %d bytes\n", MTU);
		exit(2);
	}
	for (size_t i = 0; i < n; i++) {
		unsigned int byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1) {
			fprintf(stderr, "cping: -x: %.2s is no byte\n", text + 2 * i);
			exit(2);
		}
		to[i] = (unsigned char)byte;
	}
	return n;
}

static void round_trip(int fd, const unsigned char *message, size_t size)
{
	unsigned char answer[512];

	if (write(fd, message, size) != (ssize_t)size)
		die("write");
	if (read(fd, answer, sizeof(answer)) < 0)
		die("read");
}

int main(int argc, char **argv)
{
	unsigned char message[MTU];
	long count = 10000, warmup = 100, dst = -1;
	size_t size = 64;
	int64_t *took, wall, cpu;
	int fd, opt;

	memset(message, 0xa5, sizeof(message));
	while ((opt = getopt(argc, argv, "n:w:s:x:d:")) != -1) {
		switch (opt) {
		case 'n': count = strtol(optarg, NULL, 0); break;
		case 'w': warmup = strtol(optarg, NULL, 0); break;
		case 's': size = strtoul(optarg, NULL, 0); break;
		case 'x': size = parse_hex(optarg, message); break;
		case 'd': dst = strtol(optarg, NULL, 0); break;
		default: optind = argc;
		}
	}
	if (optind != argc - 1 || count < 1 || size > MTU) {
		fprintf(stderr, "usage: cping [-n COUNT] [-w WARMUP] [-s SIZE | -x HEX] [-d ADDRESS] DEVICE\n");
		return 2;
	}
	if (dst >= 0)
		fd = create_endpoint(argv[optind], (uint32_t)dst);
	else if ((fd = open(argv[optind], O_RDWR | O_CLOEXEC)) < 0)
		die(argv[optind]);

	took = calloc((size_t)count, sizeof(*took));
	if (!took)
		die("memory for the figures");
	for (long i = 0; i < warmup; i++)
		round_trip(fd, message, size);
	wall = now(CLOCK_MONOTONIC);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	for (long i = 0; i < count; i++) {
		int64_t start = now(CLOCK_MONOTONIC);

		round_trip(fd, message, size);
		took[i] = now(CLOCK_MONOTONIC) - start;
	}
	cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	wall = now(CLOCK_MONOTONIC) - wall;

	qsort(took, (size_t)count, sizeof(*took), compare);
	printf("n=%ld size=%zu median_ns=%lld p99_ns=%lld max_ns=%lld cpu_ns=%lld wall_ns=%lld\n",
	       count, size, (long long)took[count / 2], (long long)took[(count - 1) * 99 / 100],
	       (long long)took[count - 1], (long long)cpu, (long long)wall);
	if (dst >= 0)
		ioctl(fd, RPMSG_DESTROY_EPT_IOCTL);
	return 0;
}
