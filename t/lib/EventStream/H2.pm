# SPDX-License-Identifier: Apache-2.0
package EventStream::H2;

=head1 NAME

EventStream::H2 - HTTP/2 frame by frame, for what curl cannot do

=head1 SYNOPSIS

    use EventStream::H2;        # exports all functions below

    my $connection = h2_connect($httpd, tls => 1);
    $connection->send(h2_get(1, '/events'));
    like h2_data($connection, 1, qr/stream-open/, 5), qr/retry/, 'it opens';
    $connection->send(h2_reset(1));

=head1 FUNCTIONS

=over

=item h2_connect($httpd, %options)

A client of EventStream::Client whose connection speaks HTTP/2: by prior
knowledge, or with tls => 1 through openssl. window => 1000 is the size of the
flow-control window of each stream.

=item h2_get($stream, $path, [$name, $value]...)

The bytes of a GET request; a stream has an odd number. A header :authority
stands for localhost and comes first.

=item h2_reset($stream)

The bytes of a RST_STREAM with CANCEL.

=item h2_data($connection, $stream, $pattern, $seconds)

The data of the stream once they match; otherwise what arrived within the time.

=item h2_answer($connection, $stream, $seconds)

What has arrived when the stream has data, is reset or has ended, as a hash
reference: headers (true if there are some), data, reset (the error code, or
undef), end.

=item h2_drop($connection)

Reads what has arrived, and forgets it.

=back

=cut

use strict;
use warnings;

use Exporter 'import';
use POSIX ();
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM);
use Time::HiRes qw(time);

use EventStream::Client;

our @EXPORT = qw(h2_answer h2_connect h2_data h2_drop h2_get h2_reset);

my ($DATA, $HEADERS, $RST_STREAM, $SETTINGS) = (0, 1, 3, 4);
my ($END_STREAM, $ACK, $END_HEADERS) = (1, 1, 4);
my $INITIAL_WINDOW_SIZE = 4;
my $CANCEL = 8;

sub frame
{
    my ($type, $flags, $stream, $payload) = @_;
    return substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
}

sub h2_connect
{
    my ($httpd, %opt) = @_;
    my $settings = $opt{window}
        ? pack 'nN', $INITIAL_WINDOW_SIZE, $opt{window} : '';
    my $begin = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        . frame($SETTINGS, 0, 0, $settings);
    return subscribe($httpd, '', head => 0, raw => $begin) if !$opt{tls};
    my ($connection) = through_openssl($httpd->ssl_port);
    $connection->send($begin);
    return $connection;
}

# openssl ends when this side closes.
sub through_openssl
{
    my ($port) = @_;
    socketpair my $mine, my $its, AF_UNIX, SOCK_STREAM, PF_UNSPEC
        or die "socketpair: $!";
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        close $mine;
        open STDIN, '<&', $its;
        open STDOUT, '>&', $its;
        open STDERR, '>', '/dev/null';
        exec 'openssl', 's_client', '-quiet', '-alpn', 'h2', '-connect',
            "127.0.0.1:$port" or POSIX::_exit(127);
    }
    close $its;
    return EventStream::Client->new(socket => $mine, framing => 'plain',
        pid => $pid);
}

sub h2_get
{
    my ($stream, $path, @headers) = @_;
    my $block = '';    # literals, not indexed, not compressed
    unshift @headers, [':authority', 'localhost']
        if !grep { $_->[0] eq ':authority' } @headers;
    for my $field ([':method', 'GET'], [':scheme', 'https'], [':path', $path],
        @headers)
    {
        $block .= pack 'x C/a* C/a*', @$field;
    }
    return frame($HEADERS, $END_STREAM | $END_HEADERS, $stream, $block);
}

sub h2_reset
{
    my ($stream) = @_;
    return frame($RST_STREAM, 0, $stream, pack 'N', $CANCEL);
}

sub stream_of
{
    my ($connection, $stream) = @_;
    return $connection->{h2}{$stream} ||= {data => ''};
}

# Waits for bytes and takes all frames that are complete.
sub take_frames
{
    my ($connection, $seconds) = @_;
    $connection->fill($seconds);
    while (length $connection->{rest} >= 9) {
        my ($high, $low, $type, $flags, $of) =
            unpack 'CnCCN', $connection->{rest};
        my $length = ($high << 16) + $low;
        last if length $connection->{rest} < 9 + $length;
        my $payload = substr $connection->{rest}, 9, $length;
        substr $connection->{rest}, 0, 9 + $length, '';
        my $stream = stream_of($connection, $of);
        $stream->{data} .= $payload if $type == $DATA;
        $stream->{headers} = 1 if $type == $HEADERS;
        $stream->{reset} = unpack 'N', $payload if $type == $RST_STREAM;
        $stream->{end} = 1
            if $type <= $HEADERS && $flags & $END_STREAM;
        $connection->send(frame($SETTINGS, $ACK, 0, ''))
            if $type == $SETTINGS && !($flags & $ACK);
    }
    return;
}

sub h2_drop
{
    my ($connection) = @_;
    take_frames($connection, 0);
    $connection->{h2} = {};
    return;
}

sub h2_data
{
    my ($connection, $stream, $pattern, $seconds) = @_;
    my $state = stream_of($connection, $stream);
    my $until = EventStream::Client::deadline($seconds);
    while ($state->{data} !~ $pattern && time < $until && !$connection->{eof}) {
        take_frames($connection, $until - time);
    }
    return $state->{data};
}

sub h2_answer
{
    my ($connection, $stream, $seconds) = @_;
    my $state = stream_of($connection, $stream);
    my $until = EventStream::Client::deadline($seconds);
    while ($state->{data} eq '' && !defined $state->{reset} && !$state->{end}
        && time < $until && !$connection->{eof})
    {
        take_frames($connection, $until - time);
    }
    return $state;
}

1;
