#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The npm package @fanoutio/eventstream and we answer a GRIP proxy alike, to the
# byte: id: and retry: lines, which are ours in addition, aside.

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
    "$FindBin::Bin/browser/grip-library.mjs", $url);
my $port = <$out>;
BAIL_OUT('the library does not start') if !$port;
chomp $port;

my $httpd = EventStream::Httpd->start(conf => <<"CONF");
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
    $body =~ s/^retry: \d+\n\n//;
    $body =~ s/^id: .*\n//mg;
    return {status => $got->{status}, body => $body, map {
        $_ => $got->{headers}{$_}} @names};
}

sub alike
{
    my ($name, $path, @headers) = @_;
    my $theirs = answer($port, $path, @headers);
    my $ours = answer($httpd, $path, @headers);
    # we say the charset of a sentence, and the library no type at all
    delete $_->{'content-type'} for grep { $_->{status} >= 400 } $theirs, $ours;
    is_deeply $ours, $theirs, $name or diag explain $theirs;
    return $theirs;
}

my $sig = 'Grip-Sig: ' . EventStream::Pushpin->sign('changeme');
my $hold = alike('a hold', '/events?c=room1', $sig);
is $hold->{'grip-hold'}, 'stream', '... it is one';
alike('two channels', '/events?c=a&c=b', $sig);
alike('Accept */*', '/events?c=a', $sig, 'Accept: */*');
alike('Accept text/event-stream', '/events?c=a', $sig,
    'Accept: text/event-stream');
alike('another Accept', '/events?c=a', $sig, 'Accept: text/html');
alike('another Accept of a direct client', '/events?c=a', 'Accept: text/html');
alike('Last-Event-ID: error', '/events?c=a', $sig, 'Last-Event-ID: error');
alike('no channel', '/events', $sig);
alike('no channel of a direct client', '/events');

# where the library is wrong: it does not wait for its own check
my $wrong = 'Grip-Sig: ' . EventStream::Pushpin->sign('wrong');
is get($port, '/events?c=a', $wrong)->{status}, 200,
    'the library takes any signature';
is get($httpd, '/events?c=a', $wrong)->{body}, "GRIP Signature Invalid.\n",
    'we do not';

close $in;
waitpid $node, 0;
is $httpd->stop, 0, 'httpd stops in good order';
done_testing;
