#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Streams that must end: their clients are told to come back at times that are
# spread over EventStreamDrain, and a graceful stop is over within it, 5
# seconds at most.

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

# The times that they were told at their end, sorted.
sub told
{
    my (@all) = @_;
    my $ended = grep { ($_->is_ended(10) || 0) == 1 } @all;
    is $ended, scalar @all, '... all end cleanly';
    for my $client (@all) {
        1 while $client->next_event(0);
    }
    return sort { $a <=> $b } map { $_->retry } @all;
}

# ---- Spread ----------------------------------------------------------------

# Of 300 draws, 30 fall into each tenth; 60 would be a wonder.
sub is_spread
{
    my ($name, $from, $over, @told) = @_;
    cmp_ok $told[0], '>=', $from, "$name: nobody comes before EventStreamRetry";
    cmp_ok $told[-1], '<=', $from + $over, '... nor after EventStreamDrain';
    my @tenths = (0) x 10;
    $tenths[$_ < $from + $over ? int(($_ - $from) * 10 / $over) : 9]++
        for @told;
    my ($most) = sort { $b <=> $a } @tenths;
    cmp_ok $most, '<=', @told / 5, "... they are spread: @tenths";
    return;
}

for my $mpm (qw(event worker prefork)) {
    my $httpd = start($mpm, "EventStreamDrain 20\n");
    my @all = join_all($httpd, '/events?c=a', $clients);
    is $httpd->stop, 0, "$mpm: stop";
    is_spread($mpm, 2000, 20000, told(@all));
}

{
    my $hub = "EventStreamDrain 20\nEventStreamHub other\n<Location /other>\n"
        . "SetHandler eventstream\nEventStreamUseHub other\n"
        . "EventStreamRetry 2\nEventStreamChannel a\n</Location>\n";
    my $httpd = start('event', $hub);
    my @all = join_all($httpd, '/other', $clients);
    $httpd->rewrite_conf("EventStreamDrain 20\n$conf");
    ok $httpd->graceful, 'a hub goes';
    is_spread('a hub', 2000, 20000, told(@all));
}

{
    my $httpd = start('event', "EventStreamDrain 20\nEventStreamMaxHeld 20\n");
    my @held = join_all($httpd, '/held?c=a', 20);
    ok $httpd->graceful, 'held clients, at graceful';
    my @told = told(@held);
    cmp_ok $told[0], '>=', 1600, '... come back after EventStreamRetry';
    cmp_ok $told[-1], '<=', 22400, '... within EventStreamDrain';
    cmp_ok $told[-1] - $told[0], '>', 4000, '... and not all at once';
}

{
    my $httpd = start('event', "EventStreamDrain 0\n");
    my @all = join_all($httpd, '/events?c=a', 20);
    is $httpd->stop, 0, 'EventStreamDrain 0';
    my @told = told(@all);
    is "$told[0] $told[-1]", '2000 2000', '... is EventStreamRetry';
}

# ---- In time ---------------------------------------------------------------

for my $mpm (qw(event worker prefork)) {
    my $httpd = start($mpm, '');
    # none of them closes, and some read nothing
    my @all = join_all($httpd, '/events?c=a', 50);
    my @slow = map { subscribe($httpd, '/events?c=big', rcvbuf => 4096) }
        1 .. 10;
    publish($httpd, 'big', 'x' x 60000) for 1 .. 60;
    my $begun = time;
    is $httpd->graceful_stop, 0, "$mpm: graceful-stop with clients that stay";
    my $took = time - $begun;
    cmp_ok $took, '<', 5, sprintf '... is over within 5 seconds (%.1f)', $took;
    told(@all);
    unlike $httpd->error_log, qr/\[(?:error|crit|alert|emerg)\]|signal Seg/,
        '... without an error';
}

done_testing;
