#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# A child that is stopped (SIGSTOP) while it sends to a GRIP proxy: the parent
# names it, or kills it if EventStreamLockTimeout says so; another child then
# sends what is left.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Background;
use EventStream::Client;
use EventStream::FakeProxy;
use EventStream::Httpd;

my $proxy = EventStream::FakeProxy->start;
my $conf = <<"CONF";
EventStreamGrip "@{[$proxy->url]}"
EventStreamGripTimeout 60
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
my $mpm = "StartServers 2\nServerLimit 2\nThreadsPerChild 10\n"
    . "MaxRequestWorkers 20\nMinSpareThreads 1\nMaxSpareThreads 20\n";

# Stops the child that sends, with an event on its way.
sub stop_sender
{
    my ($httpd, $data) = @_;
    $proxy->mode('silent');
    my $waiting = publish_in_background($httpd, 'a', $data);
    wait_for(sub { grep { $_->{body} =~ /$data/ } $proxy->requests }, 10,
        'the proxy gets an event and does not answer');
    my $sender;
    wait_for(sub { $sender = $proxy->sender_of($httpd) }, 5,
        'a child sends it');
    kill STOP => $sender;
    $proxy->mode('ok');
    return ($sender, $waiting);
}

sub has_got
{
    my ($data) = @_;
    return scalar grep { ($_->{formats}{'http-stream'}{content} || '')
        =~ /^data: $data$/m } $proxy->items;
}

# ---- It is killed ------------------------------------------------------------

my $httpd = EventStream::Httpd->start(mpm_conf => $mpm,
    conf => "EventStreamLockTimeout 1 kill\n$conf");
my ($stopped, $waiting) = stop_sender($httpd, 'first');
# the stopped child may have accepted it, so it is tried until the other does
my @more = map { publish_in_background($httpd, 'a', "more$_") } 1 .. 4;
ok wait_for(sub { grep { has_got("more$_") } 1 .. 4 }, 60),
    'another child sends what is published then';
ok has_got('first'), 'and what was on its way';
like $httpd->error_log,
    qr/ES0015: killed child $stopped, as it held the outbox/,
    'the parent has killed the child that was stopped';
undef @more;
undef $waiting;
undef $httpd;

done_testing;
