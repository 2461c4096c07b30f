#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Streams that must end: their clients get retries that are spread over
# EventStreamDrain, and a graceful stop is over within it, 5 seconds at most.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

my $conf = <<'CONF';
<Location "/events">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamRetry 2
</Location>
<Location "/held">
    SetHandler eventstream
    EventStreamChannel "{?c}"
    EventStreamRetry 2
    SetOutputFilter SUBSTITUTE
    Substitute "s/never there/x/n"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

my $clients = 300;
need_descriptors($clients + 100);

sub start
{
    my ($mpm, $text, %opt) = @_;
    return EventStream::Httpd->start(mpm => $mpm, modules => ['substitute'],
        conf => $text . $conf, %opt);
}

sub join_all
{
    my ($httpd, $path, $count) = @_;
    my @all = map { subscribe($httpd, $path, head => 0) } 1 .. $count;
    for my $client (@all) {
        $client->read_head(10);
        $client->next_event(10);
    }
    return @all;
}

# The retries at the end of their streams, sorted.
sub retries_of
{
    my (@all) = @_;
    my $ended = grep { ($_->is_ended(10) || 0) == 1 } @all;
    is $ended, scalar @all, 'all streams end cleanly';
    for my $client (@all) {
        1 while $client->next_event(0);
    }
    return sort { $a <=> $b } map { $_->retry } @all;
}

# ---- Spread ----------------------------------------------------------------

# Of 300 draws 30 are expected in each tenth; 60 are all but impossible.
sub is_spread
{
    my ($name, $from, $over, @retries) = @_;
    cmp_ok $retries[0], '>=', $from,
        "$name: no client reconnects before EventStreamRetry";
    cmp_ok $retries[-1], '<=', $from + $over,
        "$name: no client reconnects after EventStreamDrain";
    my @tenths = (0) x 10;
    $tenths[$_ < $from + $over ? int(($_ - $from) * 10 / $over) : 9]++
        for @retries;
    my ($most) = sort { $b <=> $a } @tenths;
    cmp_ok $most, '<=', @retries / 5, "$name: the retries are spread: @tenths";
    return;
}

for my $mpm (qw(event worker prefork)) {
    my $httpd = start($mpm, "EventStreamDrain 20\n");
    my @all = join_all($httpd, '/events?c=a', $clients);
    is $httpd->stop, 0, "$mpm: httpd stops with exit status 0";
    is_spread($mpm, 2000, 20000, retries_of(@all));
}

{
    my $hub = "EventStreamDrain 20\nEventStreamHub other\n<Location /other>\n"
        . "SetHandler eventstream\nEventStreamUseHub other\n"
        . "EventStreamRetry 2\nEventStreamChannel a\n</Location>\n";
    my $httpd = start('event', $hub);
    my @all = join_all($httpd, '/other', $clients);
    $httpd->rewrite_conf("EventStreamDrain 20\n$conf");
    ok $httpd->graceful, 'graceful without a hub succeeds';
    is_spread('a removed hub', 2000, 20000, retries_of(@all));
}

{
    my $httpd = start('event', "EventStreamDrain 20\nEventStreamMaxHeld 20\n");
    my @held = join_all($httpd, '/held?c=a', 20);
    ok $httpd->graceful, 'graceful with held clients succeeds';
    my @retries = retries_of(@held);
    cmp_ok $retries[0], '>=', 1600,
        'held clients reconnect after EventStreamRetry';
    cmp_ok $retries[-1], '<=', 22400,
        'held clients reconnect within EventStreamDrain';
    cmp_ok $retries[-1] - $retries[0], '>', 4000,
        'held clients do not reconnect at the same time';
}

{
    my $httpd = start('event', "EventStreamDrain 0\n");
    my @all = join_all($httpd, '/events?c=a', 20);
    is $httpd->stop, 0, 'EventStreamDrain 0: httpd stops with exit status 0';
    my @retries = retries_of(@all);
    is "$retries[0] $retries[-1]", '2000 2000',
        'EventStreamDrain 0: the retry is EventStreamRetry';
}

# ---- In time ---------------------------------------------------------------

for my $mpm (qw(event worker prefork)) {
    my $httpd = start($mpm, '');
    # no client closes, and some read nothing
    my @all = join_all($httpd, '/events?c=a', 50);
    my @slow = map { subscribe($httpd, '/events?c=big', rcvbuf => 4096) }
        1 .. 10;
    publish($httpd, 'big', 'x' x 60000) for 1 .. 60;
    my $begun = time;
    is $httpd->graceful_stop, 0,
        "$mpm: graceful-stop exits with status 0 while clients stay";
    my $took = time - $begun;
    cmp_ok $took, '<', 5,
        sprintf "$mpm: graceful-stop takes less than 5 seconds (%.1f)", $took;
    retries_of(@all);
    unlike $httpd->error_log, qr/\[(?:error|crit|alert|emerg)\]|signal Seg/,
        "$mpm: the error log has no error";
}

done_testing;
