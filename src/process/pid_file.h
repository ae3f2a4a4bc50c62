/*
 * The file that tells an init script which process the master is.
 */
#ifndef DOTWARD_PROCESS_PID_FILE_H
#define DOTWARD_PROCESS_PID_FILE_H

enum { PID_FILE_PATH_BYTES = 4096, PID_FILE_WHY_BYTES = 400 };

/* Zeroed: none. */
struct pid_file {
	char path[PID_FILE_PATH_BYTES]; /* "": none is written */
};

/*
 * Writes our process id there ("": nowhere), and takes away one that was written elsewhere. Nothing when it
 * is written there already. 0, or -errno with a line in `why`.
 */
int pid_file_write(struct pid_file *file, const char *path, char why[PID_FILE_WHY_BYTES]);
void pid_file_remove(struct pid_file *file);

#endif
