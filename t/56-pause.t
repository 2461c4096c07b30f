#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# graceful does not stop the site where all ServerLimit children run, so that
# new ones have no place until old ones exit. Children waited for new ones for
# three seconds, even without any client, and the MPM then noticed after one or
# two more that they had exited. A busy machine makes a pause longer, but not
# each time: it is tried again.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Time::HiRes qw(sleep time);

use EventStream::Client;
use EventStream::Httpd;
use EventStream::Load;

need_descriptors(200);

my $pause = 0.9;    # seconds; shorter than the MPM's sleep, which is 1
my $tries = 12;
my $conf = <<'CONF';
<Location "/events">
    SetHandler eventstream
    EventStreamChannel news
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF

sub start
{
    my ($mpm, $children) = @_;
    my $threads = $mpm eq 'prefork'
        ? "MaxRequestWorkers $children\n"
        : "ThreadsPerChild 8\nMaxRequestWorkers " . 8 * $children . "\n";
    return EventStream::Httpd->start(mpm => $mpm, conf => $conf,
        files => {'page.txt' => "page\n"},
        mpm_conf => "StartServers $children\nServerLimit $children\n"
            . $threads);
}

sub is_answered
{
    my ($httpd) = @_;
    my $answer = eval { get($httpd, '/page.txt') };
    return $answer && $answer->{status} == 200;
}

# The longest time for a page from now on, until none of these children is left.
sub worst_page
{
    my ($httpd, @old) = @_;
    my %old = map { ($_ => 1) } @old;
    my ($worst, $from) = (0, time);
    while (time < $from + 30) {
        my $begun = time;
        my $is_over = !grep { $old{$_} } $httpd->children;
        sleep 0.02 while !is_answered($httpd) && time < $begun + 20;
        my $took = time - $begun;
        $worst = $took if $took > $worst;
        last if $is_over;
    }
    return $worst;
}

# Does a client get this? On a busy machine a child that stops may not have the
# time to hand it over: then its stream has a clean end, and it comes back.
sub gets
{
    my ($httpd, $client, $data) = @_;
    my $event = $client->next_event(10);
    if (!$event && $client->is_ended) {
        $client = subscribe($httpd, '/events',
            headers => ['Last-Event-ID: ' . $client->last_id]);
        note 'a client comes back';
        $event = $client->skip_to('message', 10);
    }
    return $event && $event->{data} eq $data;
}

# The shortest of the pauses that these signals cause.
sub best_pause
{
    my ($httpd, @signals) = @_;
    my $best;
    for (1 .. $tries) {
        my @old = $httpd->children;
        for my $signal (@signals) {
            my $from = $httpd->log_size;
            kill $signal => $httpd->pid;
            wait_for(sub { $httpd->error_log($from) =~ /AH00(?:489|292|163)/ },
                20);
        }
        my $worst = worst_page($httpd, @old);
        $best = $worst if !defined $best || $worst < $best;
        last if $best < $pause;
    }
    return $best;
}

for my $mpm (qw(event worker prefork)) {
    next if !EventStream::Httpd->has_module("mpm_$mpm");
    for my $children (1, 3) {
        my $httpd = start($mpm, $children);
        my $what = "$mpm, $children of $children children";
        cmp_ok best_pause($httpd, 'USR1'), '<', $pause,
            "$what, no client: graceful causes no pause";

        my @clients = map { subscribe($httpd, '/events') } 1 .. 20;
        $_->next_event(10) for @clients;
        cmp_ok best_pause($httpd, 'USR1'), '<', $pause,
            "$what, 20 clients: graceful causes no pause";
        cmp_ok best_pause($httpd, 'USR1', 'USR1', 'USR1'), '<', $pause,
            "$what, 20 clients: neither do three in a row";
        cmp_ok best_pause($httpd, 'USR1', 'HUP'), '<', $pause,
            "$what, 20 clients: nor does restart right behind graceful";
        publish($httpd, 'news', 'all is well');
        is scalar(grep { gets($httpd, $_, 'all is well') } @clients), 20,
            "$what: all clients get an event, none is cut";
        is $httpd->faults || '', '', "$what: nothing is wrong in the segments";
    }
}

done_testing;
