/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A C++ program, some of whose functions are C ones and are patched. */
#include <execinfo.h>
#include <pthread.h>
#include <semaphore.h>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#define KEEP __attribute__((noipa, used))

extern "C" {
KEEP int relay(int (*f)(int), int n)
{
	return f(n) + 1;
}


int left;		/* cleanups of a patch that have been run */

/* What C code calls, and what throws. */
KEEP int refuse(int n)
{
	if (n > 1)
		throw n;
	return n;
}

/* Of one that cannot throw the compiler would know it, and leave out its callers' handlers. */
KEEP int label(void)
{
	return refuse(1);
}
}

static sem_t inside;
static int destroyed;

struct witness {
	~witness() { destroyed++; }
};

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
	witness here;

	sem_post(&inside);
	for (;;)
		pause();
	return n;
}

static void *wait_inside(void *)
{
	witness here;

	relay(sleep_long, 0);
	return nullptr;
}

static std::string answer(const std::string &question)
{
	pthread_t thread;
	void *result;

	if (question == "label") {
		try {
			return "label " + std::to_string(label());
		} catch (int n) {
			return "caught " + std::to_string(n);
		}
	}
	if (question == "frames")
		return "frames " + std::to_string(relay(count_frames, 0));
	if (question == "cancel") {
		if (pthread_create(&thread, nullptr, wait_inside, nullptr) != 0)
			return "no thread";
		sem_wait(&inside);
		pthread_cancel(thread);
		pthread_join(thread, &result);
		return result == PTHREAD_CANCELED ? "cancelled " + std::to_string(destroyed) : "ended";
	}
	if (question == "fork") {
		int status = 0;
		pid_t child = fork();

		if (child == 0)
			_exit(answer("6") == "too much" ? 7 : 1);
		waitpid(child, &status, 0);
		return WIFEXITED(status) && WEXITSTATUS(status) == 7 ? "child too much" : "child died";
	}
	if (question == "left")
		return "left " + std::to_string(left);
	if (question == "check")
		return "fine 0";
	if (question == "all")
		return answer("3") + ", " + answer("6") + ", " + answer("label");
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
