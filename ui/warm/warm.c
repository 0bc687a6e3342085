#include "warm.h"

#include <GL/gl.h>
#include <GL/glx.h>
#include <X11/Xlib.h>
#include <pthread.h>
#include <stddef.h>

static Display *ours;
static XErrorHandler others;

/* Without it Xlib ends the program at any error. It stays: whoever sets another one meanwhile puts it back. */
static int tolerate(Display *display, XErrorEvent *event)
{
	return display == ours || others == NULL ? 0 : others(display, event);
}

static void draw(void)
{
	static const int wanted[] = {GLX_DRAWABLE_TYPE, GLX_PBUFFER_BIT, GLX_RENDER_TYPE, GLX_RGBA_BIT, GLX_DOUBLEBUFFER, False, None};
	static const int small[] = {GLX_PBUFFER_WIDTH, 16, GLX_PBUFFER_HEIGHT, 16, None};
	int major = 0, minor = 0, count = 0;
	if (!glXQueryVersion(ours, &major, &minor) || (major == 1 && minor < 3))
		return;
	GLXFBConfig *configs = glXChooseFBConfig(ours, DefaultScreen(ours), wanted, &count);
	if (configs == NULL || count == 0)
		return;
	GLXFBConfig config = configs[0];
	XFree(configs);
	GLXContext context = glXCreateNewContext(ours, config, GLX_RGBA_TYPE, NULL, True);
	if (context == NULL)
		return;
	GLXPbuffer target = glXCreatePbuffer(ours, config, small);
	if (target != None && glXMakeContextCurrent(ours, target, target, context)) {
		glClear(GL_COLOR_BUFFER_BIT);
		glBegin(GL_TRIANGLES);
		glVertex2f(-1, -1);
		glVertex2f(1, -1);
		glVertex2f(0, 1);
		glEnd();
		glFinish();
		glXMakeContextCurrent(ours, None, None, NULL);
	}
	if (target != None)
		glXDestroyPbuffer(ours, target);
	glXDestroyContext(ours, context);
}

static void *warm_up(void *unused)
{
	Display *display = ours;
	(void)unused;
	draw();
	XSync(display, False);
	ours = NULL;
	XCloseDisplay(display);
	return NULL;
}

void warm_start(void)
{
	pthread_t thread;
	if (!XInitThreads())
		return;
	ours = XOpenDisplay(NULL);
	if (ours == NULL)
		return;
	others = XSetErrorHandler(tolerate);
	if (pthread_create(&thread, NULL, warm_up, NULL) == 0)
		pthread_detach(thread);
}
