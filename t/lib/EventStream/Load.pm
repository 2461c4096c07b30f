# SPDX-License-Identifier: Apache-2.0
package EventStream::Load;

=head1 NAME

EventStream::Load - what a server under load uses: workers, descriptors,
clients

=head1 SYNOPSIS

    use EventStream::Load;      # exports all functions below

    my $httpd = EventStream::Httpd->start(modules => ['status'],
        files => {'page.txt' => "a page\n"}, conf => status_conf() . ...);

=head1 FUNCTIONS

=over

=item need_descriptors($count)

Restarts the test with a limit of $count open files if its limit is lower, for
itself and the servers that it starts; skips the test if that is not allowed.

=item status_conf

The configuration that the next two functions need.

=item server_status($httpd), busy_workers($httpd)

server-status?auto as a hash reference; its BusyWorkers without the worker that
serves this request. undef if the response is not 200.

=item descriptors($httpd)

The number of sockets that all children have open. One that several children
have inherited (a listener) counts once for each.

=item unsent($port)

Bytes that the server has written to connections to this IPv4 port and that the
clients' kernels have not acknowledged.

=item static_file($httpd)

Whether /page.txt is served as it should be.

=item sum($text), checked($event)

The text with its checksum as the second line; whether the data of an event have
the right one.

=item reset_client($client)

Closes the client's socket with a TCP reset.

=item clients($httpd, $channel)

The number of clients of a channel, from the response to an event that it
publishes; -1 if the response has none.

=item wait_clients($httpd, $channel, $count, $seconds)

Waits until the channel has $count clients, for $seconds (5) at most. Returns
how many it has.

=back

=cut

use strict;
use warnings;

use Digest::MD5 ();
use Exporter 'import';
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More ();
use Time::HiRes qw(sleep time);

use EventStream::Again;
use EventStream::Client;

our @EXPORT = qw(need_descriptors status_conf server_status busy_workers
    descriptors unsent static_file sum checked reset_client clients
    wait_clients);

sub need_descriptors
{
    my ($count) = @_;
    open my $in, '<', '/proc/self/limits' or die "/proc/self/limits: $!";
    my ($now) = map { /^Max open files\s+(\d+)/ ? $1 : () } <$in>;
    return if !defined $now || $now >= $count;    # or unlimited
    start_again('ES_DESCRIPTORS_RAISED', '/bin/sh', '-c',
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
    my ($port) = @_;
    my $mine = sprintf ':%04X', $port;
    my $bytes = 0;
    open my $in, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!";
    while (my $line = <$in>) {
        my (undef, $local, undef, $state, $queues) = split ' ', $line;
        $bytes += hex((split /:/, $queues)[0])
            if $state eq '01' && $local =~ /\Q$mine\E\z/;
    }
    return $bytes;
}

sub static_file
{
    my ($httpd) = @_;
    my $answer = get($httpd, '/page.txt');
    return $answer->{status} == 200 && $answer->{body} eq "a page\n";
}

sub sum
{
    my ($text) = @_;
    return $text . "\n" . Digest::MD5::md5_hex($text);
}

sub checked
{
    my ($event) = @_;
    my ($text, $sum) = $event->{data} =~ /\A(.*)\n([0-9a-f]{32})\z/s
        or return 0;
    return Digest::MD5::md5_hex($text) eq $sum;
}

sub reset_client
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
    my $until = time + ($seconds || 5);
    my $now;
    while (1) {
        $now = clients($httpd, $channel);
        return $now if $now == $count || time >= $until;
        sleep 0.05;
    }
}

1;
