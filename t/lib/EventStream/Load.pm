# SPDX-License-Identifier: Apache-2.0
package EventStream::Load;

=head1 NAME

EventStream::Load - a server under load: its workers, its descriptors, and what
many clients have received

=head1 SYNOPSIS

    use EventStream::Load;      # exports all functions below

    my $httpd = EventStream::Httpd->start(modules => ['status'],
        files => {'page.txt' => "a page\n"}, conf => status_conf() . ...);

=head1 FUNCTIONS

=over

=item need_descriptors($count)

Executes the test again with as many descriptors if it has fewer, for itself and
the servers that it starts. Skips the test where that is not allowed.

=item status_conf

The configuration that the next functions need.

=item server_status($httpd), busy_workers($httpd)

server-status?auto as a hash reference; its BusyWorkers without the worker that
answers this request. Both are undef if there was no answer.

=item descriptors($httpd)

The number of sockets that all children together have open. A socket that
several children have inherited (a listener) is counted in each.

=item unsent($port, $client)

Bytes that the server has written to connections to this port (of IPv4) and that
the clients have not read; with $client those of this one alone.

=item of_child($pid, @clients)

Those of the clients (of IPv4) whose connections this process has. A test that
kills a child asks before: whether a stream is open shows only once all that was
sent before its end has been read.

=item static_file($httpd)

True if /page.txt is served.

=item with_checksum($text), has_checksum($event)

Data whose second line is a checksum of its first; true if an event's data have
the right one.

=item close_with_rst($client)

Closes the client's socket by a reset (RST).

=item clients($httpd, $channel)

How many clients a channel has, by the answer to a publication of an empty
event.

=item wait_clients($httpd, $channel, $count, $seconds)

Waits until a channel has as many clients; returns how many it has.

=back

=cut

use strict;
use warnings;

use Digest::MD5 ();
use Exporter 'import';
use List::Util qw(sum0);
use Socket qw(SOL_SOCKET SO_LINGER sockaddr_in);
use Test::More ();
use Time::HiRes qw(sleep time);

use EventStream::Reexec;
use EventStream::Client;

our @EXPORT = qw(need_descriptors status_conf server_status busy_workers
    descriptors unsent of_child static_file with_checksum has_checksum
    close_with_rst clients wait_clients);

sub need_descriptors
{
    my ($count) = @_;
    open my $in, '<', '/proc/self/limits' or die "/proc/self/limits: $!";
    my ($now) = map { /^Max open files\s+(\d+)/ ? $1 : () } <$in>;
    return if !defined $now || $now >= $count;    # or unlimited
    reexec('ES_DESCRIPTORS_RAISED', '/bin/sh', '-c',
        "ulimit -n $count 2>/dev/null; exec \"\$\@\"", 'sh');
    Test::More::plan(skip_all => "needs $count descriptors, may have $now");
    return;
}

sub status_conf
{
    return <<'CONF';
<Location "/server-status">
    SetHandler server-status
</Location>
CONF
}

sub server_status
{
    my ($httpd) = @_;
    my $answer = get($httpd, '/server-status?auto');
    return if $answer->{status} != 200;
    my %status = $answer->{body} =~ /^(\w+): (.*)$/mg;
    return \%status;
}

sub busy_workers
{
    my ($httpd) = @_;
    my $status = server_status($httpd) or return;
    return $status->{BusyWorkers} - 1;
}

sub descriptors
{
    my ($httpd) = @_;
    my $count = 0;
    for my $pid ($httpd->children) {
        opendir my $dir, "/proc/$pid/fd" or next;
        $count += grep { (readlink "/proc/$pid/fd/$_" || '') =~ /^socket:/ }
            readdir $dir;
    }
    return $count;
}

sub unsent
{
    my ($port, $client) = @_;
    my $mine = sprintf ':%04X', $port;
    my $peer = '';
    if ($client) {
        my ($number) = sockaddr_in(getsockname $client->socket);
        $peer = sprintf ':%04X', $number;
    }
    # A table that changes while it is read may show a connection twice.
    my %bytes;
    open my $in, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!";
    while (my $line = <$in>) {
        my (undef, $local, $remote, $state, $queues) = split ' ', $line;
        $bytes{"$local $remote"} = hex((split /:/, $queues)[0])
            if $state eq '01'
            && $local =~ /\Q$mine\E\z/ && $remote =~ /\Q$peer\E\z/;
    }
    return sum0(values %bytes);
}

sub of_child
{
    my ($pid, @clients) = @_;
    my %has = map { /^socket:\[(\d+)\]/ ? ($1 => 1) : () }
        map { readlink || '' } glob "/proc/$pid/fd/*";
    my %ports;    # of the peers
    open my $in, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!";
    while (my $line = <$in>) {
        my ($peer, $inode) = (split ' ', $line)[2, 9];
        $ports{hex $1} = 1 if $has{$inode} && $peer =~ /:([0-9A-F]{4})\z/;
    }
    return grep { $ports{(sockaddr_in(getsockname $_->socket))[0]} } @clients;
}

sub static_file
{
    my ($httpd) = @_;
    my $answer = get($httpd, '/page.txt');
    return $answer->{status} == 200 && $answer->{body} eq "a page\n";
}

sub with_checksum
{
    my ($text) = @_;
    return $text . "\n" . Digest::MD5::md5_hex($text);
}

sub has_checksum
{
    my ($event) = @_;
    my ($text, $sum) = $event->{data} =~ /\A(.*)\n([0-9a-f]{32})\z/s
        or return 0;
    return Digest::MD5::md5_hex($text) eq $sum;
}

sub close_with_rst
{
    my ($client) = @_;
    setsockopt $client->socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    $client->close;
    return;
}

sub clients
{
    my ($httpd, $channel) = @_;
    my $answer = publish($httpd, $channel, '');
    return $answer->{json} ? $answer->{json}{clients} : -1;
}

sub wait_clients
{
    my ($httpd, $channel, $count, $seconds) = @_;
    my $until = EventStream::Client::deadline($seconds || 5);
    my $now;
    while (1) {
        $now = clients($httpd, $channel);
        return $now if $now == $count || time >= $until;
        sleep 0.05;
    }
}

1;
