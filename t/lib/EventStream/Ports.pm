# SPDX-License-Identifier: Apache-2.0
package EventStream::Ports;

=head1 NAME

EventStream::Ports - ports for the servers of a test

=head1 SYNOPSIS

    use EventStream::Ports;

    my $port = free_port();
    my ($one, $other) = free_ports(2);

=head1 FUNCTIONS

=over

=item free_port, free_ports($count)

Ports of 127.0.0.1 that are free, and that nobody else takes as long as this
test lives: no other test, although its servers do not listen yet or are
restarted, and no connection as its own end.

=back

=cut

use strict;
use warnings;

use Exporter 'import';
use Socket qw(INADDR_LOOPBACK PF_INET SOCK_STREAM SOL_SOCKET SO_REUSEADDR
    pack_sockaddr_in);

our @EXPORT = qw(free_port free_ports);

my @held;

# A socket is bound to the port and does not listen. A bind fails then, but for
# that of a server that says SO_REUSEADDR, as all do; this one says it only when
# it has the port, so that it does not get that of another test. The kernel
# gives connections a port from 32768 on, if it is not told otherwise.
sub hold
{
    my ($port) = @_;
    socket my $socket, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
    bind $socket, pack_sockaddr_in($port, INADDR_LOOPBACK) or return 0;
    setsockopt $socket, SOL_SOCKET, SO_REUSEADDR, pack 'i', 1
        or die "SO_REUSEADDR: $!";
    push @held, $socket;
    return 1;
}

sub free_port
{
    for (1 .. 1000) {
        my $port = 12000 + int rand 20000;
        return $port if hold($port);
    }
    die 'no free port';
}

sub free_ports
{
    my ($count) = @_;
    return map { free_port() } 1 .. $count;
}

1;
