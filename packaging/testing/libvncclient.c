/* Decodes what a server says with libvncclient, on ten connections one after the other: libvncclient SOCKET, the path of a unix socket.
 * It prints how many updates came on each, and the seconds of processor time that each of the last nine took. The first one only gets
 * memory, which all have in common: in some virtual machines new pages cost more than decoding. */
#include <rfb/rfbclient.h>
#include <stdio.h>
#include <sys/resource.h>

static const int passes = 10;

static long updates;
static uint8_t *pixels;
static size_t size;

static void updated(rfbClient *client) { updates++; }

static rfbBool memory(rfbClient *client)
{
	size_t wanted = (size_t)client->width * client->height * client->format.bitsPerPixel / 8;

	if (wanted > size) {
		pixels = realloc(pixels, wanted);
		size = wanted;
	}
	client->frameBuffer = pixels;
	return pixels != NULL;
}

static double used(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	rfbEnableClientLogging = FALSE;
	for (int pass = 0; pass < passes; pass++) {
		rfbClient *client = rfbGetClient(8, 3, 4);
		int none = 0;
		double began;

		updates = 0;
		client->FinishedFrameBufferUpdate = updated;
		client->MallocFrameBuffer = memory;
		client->serverHost = strdup(argv[1]);
		client->programName = argv[0];
		if (!rfbInitClient(client, &none, argv))
			return 1;
		began = used();
		while (WaitForMessage(client, 10000000) > 0 && HandleRFBServerMessage(client))
			;
		if (pass == 0)
			printf("%ld", updates);
		else
			printf(" %.6f", used() - began);
		client->frameBuffer = NULL; /* ours */
		rfbClientCleanup(client);
	}
	printf("\n");
	return 0;
}
