/*
 * cert.h - `wlbproxy cert NAME ...`: the commands for certificates, from request to
 * renewal.
 *
 * Each is a function in a file of its own and a row in the table of cert.c.
 */
#ifndef WLBPROXY_COMMAND_CERT_CERT_H
#define WLBPROXY_COMMAND_CERT_CERT_H

int cert_show_command(int argc, char **argv);
int cert_check_command(int argc, char **argv);
int cert_create_command(int argc, char **argv);
int cert_request_command(int argc, char **argv);
int cert_install_command(int argc, char **argv);
int cert_rollback_command(int argc, char **argv);
int cert_export_command(int argc, char **argv);
int cert_push_command(int argc, char **argv);

#endif
