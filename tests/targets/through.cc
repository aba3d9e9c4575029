/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A C++ program, some of whose functions are C ones and are patched. */
#include <execinfo.h>
#include <pthread.h>
#include <semaphore.h>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <unistd.h>

#define KEEP __attribute__((noipa, used))

extern "C" {
KEEP int relay(int (*f)(int), int n)
{
	return f(n) + 1;
}

KEEP int label(void)
{
	return 1;
}
}

static sem_t inside;

static int fail_at(int n)
{
	if (n > 5)
		throw std::runtime_error("too much");
	return n;
}

static int count_frames(int)
{
	void *frames[32];

	return backtrace(frames, 32) > 1;
}

static int sleep_long(int n)
{
	sem_post(&inside);
	for (;;)
		pause();
	return n;
}

static void *wait_inside(void *)
{
	relay(sleep_long, 0);
	return nullptr;
}

static std::string answer(const std::string &question)
{
	pthread_t thread;
	void *result;

	if (question == "label")
		return "label " + std::to_string(label());
	if (question == "frames")
		return "frames " + std::to_string(relay(count_frames, 0));
	if (question == "cancel") {
		if (pthread_create(&thread, nullptr, wait_inside, nullptr) != 0)
			return "no thread";
		sem_wait(&inside);
		pthread_cancel(thread);
		pthread_join(thread, &result);
		return result == PTHREAD_CANCELED ? "cancelled" : "ended";
	}
	try {
		return "relay " + std::to_string(relay(fail_at, std::stoi(question)));
	} catch (const std::runtime_error &error) {
		return error.what();
	}
}

int main()
{
	char line[100];

	sem_init(&inside, 0, 0);
	puts("ready");
	for (fflush(stdout); fgets(line, sizeof(line), stdin) != nullptr; fflush(stdout)) {
		line[strcspn(line, "\n")] = '\0';
		puts(answer(line).c_str());
	}
}
