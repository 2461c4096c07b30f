#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The links of reliable mode expire, because access logs have them. Each answer
# renews them, and so does each event that the proxy has received.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use MIME::Base64 qw(decode_base64url encode_base64url);

use EventStream::Client;
use EventStream::Clock;
use EventStream::Httpd;
use EventStream::Pushpin;

my $HOUR = 3600;
my $DAY = 24 * $HOUR;

my $conf = <<'CONF';
EventStreamHub open size=1m
EventStreamGrip "http://127.0.0.1:@PORT:dead@" verify-key=changeme
EventStreamGripReliable on
EventStreamGripOnError ignore
EventStreamGrip hub=open "http://127.0.0.1:@PORT:dead@"
EventStreamGripReliable hub=open on
EventStreamGripOnError hub=open ignore
EventStreamRetry 2
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
</Location>
<Location "/open">
    SetHandler eventstream
    EventStreamUseHub open
    EventStreamChannel "{?c}"
</Location>
<LocationMatch "^/publish">
    SetHandler eventstream-publish
</LocationMatch>
<Location "/publish/open">
    EventStreamUseHub open
</Location>
CONF
my $clock = EventStream::Clock->new;
$clock->set(int(time / $HOUR) * $HOUR);
my $httpd = EventStream::Httpd->start($clock->options, conf => $conf);

sub signature
{
    return 'Grip-Sig: ' . EventStream::Pushpin->sign('changeme',
        exp => int($clock->now) + $HOUR);
}

sub ask_at
{
    my ($path, @headers) = @_;
    my $got = get($httpd, $path, signature(), @headers);
    ($got->{link}) = ($got->{headers}{'grip-link'} // '') =~ /^<(.*?)>/;
    $got->{last} = 'Grip-Last: '
        . ($got->{headers}{'grip-channel'} // '') =~ s/prev-id/last-id/gr;
    return $got;
}

# Asks as a proxy does by the link of this answer, with the ids it has.
sub ask
{
    my ($answer) = @_;
    return ask_at($answer->{link}, $answer->{last});
}

sub is_held
{
    my ($got, $name) = @_;
    is $got->{headers}{'grip-hold'}, 'stream', "$name: the client is held";
    return;
}

sub is_ended
{
    my ($got, $name) = @_;
    is $got->{status}, 200, "$name is answered";
    is $got->{body}, "retry: 2000\n", "$name: the client is to reconnect";
    is join(',', grep { /^grip-/ } keys %{$got->{headers}}), '',
        "$name: the answer has no instruction";
    return;
}

# ---- A link that leaks -------------------------------------------------------

my $hold = ask_at('/events?c=a');
is_held(ask($hold), 'a new link');
is ask_at('/events?c=a')->{link}, $hold->{link},
    'two clients have the same link within an hour';
$clock->step($HOUR);
is_held(ask($hold), 'a link after an hour');
isnt ask($hold)->{link}, $hold->{link}, 'the answer has another link then';
is ask_at('/events?c=a')->{link}, ask($hold)->{link},
    'the same as a new client';
$clock->step(3 * $HOUR);
is_ended(ask($hold), 'a link after four hours');
is_ended(ask_at($hold->{link}), 'a link without Grip-Last');
$clock->step(365 * $DAY);
is_ended(ask($hold), 'a link after a year');
like $httpd->error_log, qr/ES0605/, 'the error log tells of it at debug';

# ---- A quiet stream, whose proxy asks every two minutes ----------------------

my $quiet = ask_at('/events?c=quiet');
for my $step (1 .. 12) {
    $clock->step($HOUR);
    $quiet = ask($quiet);
}
is_held($quiet, 'a stream that asks each hour for half a day');
is $quiet->{body}, '', 'it has missed nothing';

# ---- A busy stream, whose proxy never asks -----------------------------------

my $busy = ask_at('/events?c=busy&c=rare');
my $idle = ask_at('/events?c=idle');
$clock->step(5 * $HOUR);
publish($httpd, 'busy', 'seen');
my $seen = ask_at('/events?c=busy&c=rare');
my $id = publish($httpd, 'busy', 'missed')->{json}{id};
my $got = ask_at($busy->{link}, $seen->{last});
is_held($got, 'an old link with the id of a new event');
like $got->{body}, qr/\Aid: \Q$id\E\ndata: missed\n\n\z/,
    'it gets the event that the proxy has missed';
is_held(ask($got), 'the link of that answer');
is_ended(ask($busy), 'an old link with an old id');
is_ended(ask($idle), 'an old link of a channel without an event');
is_ended(ask_at($idle->{link}, $seen->{last}),
    'an old link with the id of another channel');
is_ended(ask_at($idle->{link}, 'Grip-Last: events-idle; last-id=x'),
    'an old link with an id that is none');

# Without a verify-key every client can write a Grip-Last.
my $open = ask_at('/open?c=busy');
$clock->step(5 * $HOUR);
publish($httpd, 'busy', 'seen', path => '/publish/open');
is_held(ask_at('/open?c=busy'), 'a new client of a hub without verify-key');
is_ended(ask_at($open->{link}, ask_at('/open?c=busy')->{last}),
    'an old link of a hub without verify-key');

# ---- The clock is set --------------------------------------------------------

for my $step (-$HOUR, $HOUR, $HOUR, -$HOUR) {
    $hold = ask_at('/events?c=clock');
    $clock->step($step);
    is_held(ask($hold), "a link when the clock is set by $step s");
}
$hold = ask_at('/events?c=clock');
$clock->step(-30 * $DAY);
is_ended(ask($hold), 'a link from a clock that was ahead by a month');
publish($httpd, 'clock', 'after');
$got = ask_at('/events?c=clock');
is_held(ask($got), 'a new link after the clock was set back');
is_held(ask_at($hold->{link}, $got->{last}),
    'with an event whose id is ahead of the clock the link holds');

# ---- Forged ------------------------------------------------------------------

$hold = ask_at('/events?c=forged');
my ($start, $text) = $hold->{link} =~ m{^(.*/grip-next/)(.*)};
my $state = decode_base64url($text);
my ($seal, $expires) = $state =~ /\A(.{8})2\n(\d+)\n/s;
is $expires % $HOUR, 0, 'the expiry is a full hour';
for my $forged ($state =~ s/\A.{8}2\n\K\d+/$expires + $HOUR/ers,
    $state =~ s/\A.{8}\K2\n\d+\n/1\n/rs)
{
    $got = ask_at($start . encode_base64url($forged), $hold->{last});
    is $got->{body}, "retry: 3000\n", 'an expiry that was changed is no link';
}

is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
