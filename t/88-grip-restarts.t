#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Publishing to GRIP proxies over restarts: proxies are added to the
# configuration and removed while publishers wait.

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
# with room for a new generation of children besides the old one
my $httpd = EventStream::Httpd->start(
    mpm_conf => "StartServers 2\nServerLimit 6\nThreadsPerChild 10\n"
        . "MaxRequestWorkers 60\nMinSpareThreads 10\nMaxSpareThreads 30\n",
    conf => <<"CONF");
EventStreamGrip "@{[$proxy->url]}"
EventStreamGripTimeout 60
EventStreamHub short size=8m
EventStreamGrip hub=short "@{[$proxy->url]}"
EventStreamGripTimeout hub=short 1
<Location "/publish">
    SetHandler eventstream-publish
</Location>
<Location "/short">
    SetHandler eventstream-publish
    EventStreamUseHub short
</Location>
CONF

sub contents
{
    return map { $_->{formats}{'http-stream'}{content} } @_;
}

# ---- Other configurations --------------------------------------------------

my $second = EventStream::FakeProxy->start;
my $without = $httpd->{conf};
my $line = 'EventStreamGrip hub=short "' . $second->url . '"';
(my $with = $without) =~ s/^EventStreamGripTimeout hub=short/$line\n$&/m;

# Publishes after all children of the old configuration have exited.
sub publish_after
{
    my ($conf, $how, $number) = @_;
    my %old = map { $_ => 1 } $httpd->children;
    $httpd->rewrite_conf($conf);
    $httpd->$how;
    wait_for(sub { !grep { $old{$_} } $httpd->children }, 20);
    return publish($httpd, 'b', "b$number", path => '/short')->{status};
}

$proxy->clear;
is publish_after($with, 'graceful', 6), 200,
    'graceful with one more proxy: publishing gets 200';
is publish_after($without, 'graceful', 7), 200,
    'graceful without it: publishing gets 200';
is publish_after($with, 'restart', 8), 200,
    'restart with it again: publishing gets 200';
is publish_after($with, 'restart', 9), 200,
    'restart with the same configuration: publishing gets 200';
is_deeply [map { /^data: (b\d)$/m } contents($second->items)], [qw(b6 b8 b9)],
    'a proxy receives what is published while it is configured';
is_deeply [map { /^data: (b\d)$/m } contents($proxy->items)],
    [qw(b6 b7 b8 b9)], 'the other proxy receives all, once';
(my $larger = $without) =~ s/size=8m/size=16m/;
is publish_after($larger, 'restart', 'x'), 200,
    'restart with another size: publishing gets 200';
is +(contents($proxy->items))[-1] =~ /^data: (.*)$/m ? $1 : '', 'bx',
    'the hub sends the new event then';
is scalar(my @all = $proxy->items), 5, 'the hub sends no old event then';
$httpd->rewrite_conf($without);
$httpd->graceful;

# ---- The end of a child ----------------------------------------------------

sub publish_and_wait
{
    my ($data) = @_;
    $proxy->mode('silent');
    my $answer = publish_in_background($httpd, 'a', $data);
    wait_for(sub { ($proxy->requests)[-1]{body} =~ /$data/ }, 10,
        "$data: a child waits for the proxy");
    $proxy->mode('ok');
    return $answer;
}

my $waiting = publish_and_wait('old');
$httpd->graceful;
is publish($httpd, 'b', 'new', path => '/short')->{status}, 200,
    'a new child publishes while an old one waits';
$proxy->drop_waiting;
is $waiting->()->{status}, 502, 'the publisher that waited gets 502';
is publish($httpd, 'a', 'newer')->{status}, 200, 'publishing works then';

$waiting = publish_and_wait('last');
is $httpd->stop, 0, 'httpd stops with exit status 0 while a publisher waits';
unlike $httpd->error_log, qr/ES0635/, 'the sender threads end in time';
$waiting->();
done_testing;
