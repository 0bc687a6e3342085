/* Decodes what a server says with libvncclient, and prints how many updates that were and the seconds of processor time
 * it took: libvncclient SOCKET, the path of a unix socket. */
#include <rfb/rfbclient.h>
#include <stdio.h>
#include <sys/resource.h>

static long updates;

static void updated(rfbClient *client) { updates++; }

static double used(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	rfbClient *client = rfbGetClient(8, 3, 4);
	double began;

	if (argc != 2)
		return 2;
	rfbEnableClientLogging = FALSE;
	client->FinishedFrameBufferUpdate = updated;
	client->serverHost = strdup(argv[1]);
	client->programName = argv[0];
	argc = 0;
	if (!rfbInitClient(client, &argc, argv))
		return 1;
	began = used();
	while (WaitForMessage(client, 10000000) > 0 && HandleRFBServerMessage(client))
		;
	printf("%ld %.6f\n", updates, used() - began);
	return 0;
}
