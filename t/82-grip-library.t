#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The npm package @fanoutio/eventstream and we answer a GRIP proxy in the same
# way, to the byte, apart from id: and retry: lines and the charset of a stream,
# which are ours in addition.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Test::More;

use IPC::Open2;

use Driver;
use EventStream::Client;
use EventStream::Httpd;
use EventStream::Pushpin;

Driver::need('@fanoutio/eventstream');

my $url = 'http://127.0.0.1:9/?iss=me&key=changeme';
my $node = open2(my $out, my $in, 'node',
    "$FindBin::Bin/browser/grip-server.mjs", $url);
my $port = <$out>;
BAIL_OUT('the library does not start') if !$port;
chomp $port;

my $httpd = EventStream::Httpd->start(presets => 1, conf => <<"CONF");
EventStreamGrip "$url"
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
CONF

my @names = qw(content-type grip-hold grip-channel grip-keep-alive grip-link
    grip-set-meta);

sub answer
{
    my ($where, $path, @headers) = @_;
    my $got = get($where, $path, @headers);
    my $body = $got->{body};
    $body =~ s/^retry: \d+\n//m;
    $body =~ s/^id: .*\n//mg;
    return {status => $got->{status}, body => $body, map {
        $_ => $got->{headers}{$_}} @names};
}

sub is_same
{
    my ($name, $path, @headers) = @_;
    my $theirs = answer($port, $path, @headers);
    my $ours = answer($httpd, $path, @headers);
    # we send the charset of a sentence, the library no type at all
    delete $_->{'content-type'} for grep { $_->{status} >= 400 } $theirs, $ours;
    # nor a charset of a stream
    $ours->{'content-type'} =~ s/^text\/event-stream\K; charset=utf-8$//
        if $ours->{'content-type'};
    is_deeply $ours, $theirs, $name or diag explain $theirs;
    return $theirs;
}

my $sig = 'Grip-Sig: ' . EventStream::Pushpin->sign('changeme');
my $hold = is_same('a proxied request', '/events?c=room1', $sig);
is $hold->{'grip-hold'}, 'stream', 'a proxied request is held';
is_same('two channels', '/events?c=a&c=b', $sig);
is_same('Accept */*', '/events?c=a', $sig, 'Accept: */*');
is_same('Accept text/event-stream', '/events?c=a', $sig,
    'Accept: text/event-stream');
is_same('another Accept', '/events?c=a', $sig, 'Accept: text/html');
is_same('another Accept of a direct client', '/events?c=a',
    'Accept: text/html');
is_same('Last-Event-ID: error', '/events?c=a', $sig, 'Last-Event-ID: error');
is_same('no channel', '/events', $sig);
is_same('no channel of a direct client', '/events');

# the library is wrong here: it does not wait for its own check
my $wrong = 'Grip-Sig: ' . EventStream::Pushpin->sign('wrong');
is get($port, '/events?c=a', $wrong)->{status}, 200,
    'the library accepts any signature';
is get($httpd, '/events?c=a', $wrong)->{body}, "GRIP Signature Invalid.\n",
    'we refuse a bad signature';

close $in;
waitpid $node, 0;
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
