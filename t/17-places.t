#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Where httpd's processes are not as usual: mpm_itk is refused, and ChrootDir
# works, except for GRIP proxies that children must look up.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Client;
use EventStream::FakeProxy;
use EventStream::Httpd;

plan skip_all => 'needs mpm_prefork'
    if !EventStream::Httpd->has_module('mpm_prefork');

# ---- mpm_itk ---------------------------------------------------------------

my $itk = EventStream::Httpd->build('moduledir') . '/mpm_itk.so';
SKIP: {
    skip 'needs mpm_itk', 2 if !-f $itk;
    my ($ok, $output) = EventStream::Httpd->config_test(
        "LoadModule mpm_itk_module \"$itk\"\n", mpm => 'prefork');
    is $ok, 0, 'mpm_itk is refused';
    like $output, qr/ES0101: .*mpm_itk serves each connection in a process/,
        'with the reason';
}

# ---- ChrootDir -------------------------------------------------------------

SKIP: {
    skip 'ChrootDir needs root', 1 if $> != 0;
    my $proxy = EventStream::FakeProxy->start;
    my $conf = <<'CONF';
ChrootDir "@DOCROOT@/jail"
<Location "/events">
    SetHandler eventstream
    EventStreamChannel a
</Location>
<Location "/publish">
    SetHandler eventstream-publish
</Location>
CONF
    my $httpd = EventStream::Httpd->start(
        mpm => 'prefork', files => {'jail/empty' => ''},
        conf => $conf . 'EventStreamGrip ' . $proxy->url . "/\n");
    is readlink('/proc/' . ($httpd->children)[0] . '/root'),
        $httpd->docroot . '/jail', 'the children have another root';
    my $sse = subscribe($httpd, '/events');
    is $sse->next_event(5)->{event}, 'stream-open', 'ChrootDir: a stream opens';
    my $answer = publish($httpd, 'a', 'one');
    is $answer->{status}, 200, 'ChrootDir: an event is published';
    ok $answer->{json}{grip}[0]{ok},
        'ChrootDir: a GRIP proxy with an address takes it';
    is $sse->next_event(5)->{data}, 'one', 'ChrootDir: it arrives';
    unlike $httpd->error_log, qr/ES0112/,
        'an address of a GRIP proxy is no reason to warn';

    $httpd->rewrite_conf($conf . <<'CONF');
EventStreamGrip http://proxy.invalid/
EventStreamGripOnError ignore
CONF
    my $from = $httpd->log_size;
    $httpd->graceful;
    like $httpd->error_log($from), qr{:warn\].*ES0112: .*/jail.*proxy\.invalid},
        'a name of a GRIP proxy is a warning';
    publish($httpd, 'a', 'two');
    is $sse->next_event(5)->{data}, 'two',
        'ChrootDir: a client is handed over at graceful';

    $httpd->rewrite_conf($conf . <<'CONF');
EventStreamGrip https://127.0.0.1:1/
EventStreamGripOnError ignore
CONF
    $from = $httpd->log_size;
    $httpd->graceful;
    like $httpd->error_log($from), qr{ES0112: .*https://127},
        'so is https, which needs certificates';
    $httpd->finish;
}
done_testing;
