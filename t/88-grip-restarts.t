#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Publishing to GRIP proxies over restarts: proxies that come and go with the
# configuration, and publishers that wait meanwhile.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Beside;
use EventStream::Client;
use EventStream::FakeProxy;
use EventStream::Httpd;

my $proxy = EventStream::FakeProxy->start;
# with room for a new generation beside the old one
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

# Publishes when no child of the old configuration is left.
sub reconfigured
{
    my ($conf, $how, $number) = @_;
    my %old = map { $_ => 1 } $httpd->children;
    $httpd->rewrite_conf($conf);
    $httpd->$how;
    wait_for(sub { !grep { $old{$_} } $httpd->children }, 20);
    return publish($httpd, 'b', "b$number", path => '/short')->{status};
}

$proxy->forget;
is reconfigured($with, 'graceful', 6), 200, 'one more proxy';
is reconfigured($without, 'graceful', 7), 200, 'it goes';
is reconfigured($with, 'restart', 8), 200, 'and comes back';
is reconfigured($with, 'restart', 9), 200, 'and stays';
is_deeply [map { /^data: (b\d)$/m } contents($second->items)], [qw(b6 b8 b9)],
    'it gets what is published while it is there';
is_deeply [map { /^data: (b\d)$/m } contents($proxy->items)],
    [qw(b6 b7 b8 b9)], 'and the other one all, once';
(my $larger = $without) =~ s/size=8m/size=16m/;
is reconfigured($larger, 'restart', 'x'), 200, 'the hub gets another size';
is +(contents($proxy->items))[-1] =~ /^data: (.*)$/m ? $1 : '', 'bx',
    'and goes on';
is scalar(my @all = $proxy->items), 5, 'with what is new';
$httpd->rewrite_conf($without);
$httpd->graceful;

# ---- The end ---------------------------------------------------------------

sub waits
{
    my ($data) = @_;
    $proxy->mode('silent');
    my $answer = publish_beside($httpd, 'a', $data);
    wait_for(sub { ($proxy->requests)[-1]{body} =~ /$data/ }, 10,
        "$data: a child waits");
    $proxy->mode('ok');
    return $answer;
}

my $waiting = waits('old');
$httpd->graceful;
is publish($httpd, 'b', 'new', path => '/short')->{status}, 200,
    'a new generation publishes, while the old one waits';
$proxy->hang_up;
is $waiting->()->{status}, 502, 'which is told what has happened';
is publish($httpd, 'a', 'newer')->{status}, 200, 'and goes on';

$waiting = waits('last');
is $httpd->stop, 0, 'httpd ends';
unlike $httpd->error_log, qr/ES0635/, 'and couriers in time';
$waiting->();
done_testing;
