#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The sample conf/apps/openidc.conf, with a small OpenID provider: who is logged
# in gets the channels of the user, of the user's claims, and no others. No
# login, a wrong signature, a provider that is dead, a session that is over, a
# logout. The second part is in Chromium (browser/apps-openidc.mjs).

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/browser";
use Test::More;

use Driver;
use EventStream::Client;
use EventStream::Clock;
use EventStream::Httpd;
use EventStream::OpenidProvider;
use EventStream::Source;
use EventStream::Visitor;

my $HOUR = 3600;

if (!EventStream::Httpd->has_module('auth_openidc')) {
    my $reason = 'there is no mod_auth_openidc here';
    die "$reason\n" if ($ENV{CI} || '') eq 'true';
    plan skip_all => $reason;
}

my $provider = EventStream::OpenidProvider->start(
    client => 'app', secret => 'app-secret',
    users => {
        ann => {team => 'kitchen', groups => ['staff', 'cooks']},
        bob => {team => '*', groups => ['guests']},
        eve => {}});

sub bytes_of
{
    my $text = text_of("conf/apps/$_[0]");
    utf8::encode($text);
    return $text;
}

sub conf
{
    my $conf = bytes_of('openidc.conf');
    $conf =~ s{https://login\.example\.com}{$provider->url}e
        or die 'no provider in the sample';
    $conf =~ s/127\.0\.0\.1:8081/127.0.0.1:\@PORT:own\@/g;
    return $conf . "DirectoryIndex index.html\nAddType text/javascript .js\n"
        . "AddType text/html .html\n";
}

sub start_httpd
{
    my ($conf, %opt) = @_;
    return EventStream::Httpd->start(%opt, conf => $conf,
        modules => ['auth_openidc', 'authz_user'],
        files => {
            'app/index.html' => bytes_of('openidc/index.html'),
            'app/stream.js' => bytes_of('stream.js'),
            'goodbye.html' => "Goodbye\n"});
}

my $clock = EventStream::Clock->new;
my $httpd = start_httpd(conf(), $clock->options);

# From the page to the provider, and to where it sends this user back.
sub way_back
{
    my ($visitor, $user) = @_;
    my $form = $visitor->get('/app/');
    my ($link) = $form->{body} =~ /id="login-$user" href="([^"]+)"/
        or die "no login page: $form->{body}";
    $link =~ s/&amp;/&/g;
    return $visitor->request('GET', $provider->url . $link)
        ->{headers}{location};
}

sub log_in
{
    my ($user) = @_;
    my $visitor = EventStream::Visitor->new($httpd);
    return ($visitor, $visitor->get(way_back($visitor, $user)));
}

sub send_to
{
    my ($channel, $text) = @_;
    return publish($httpd->port_of('own'), $channel, $text)->{json}{clients};
}

sub status_of { return $_[0]->subscribe("/events/$_[1]")->status }

# Graceful; true once the children of before are gone, which may still serve
# with what they know.
sub reload
{
    my %old = map { $_ => 1 } $httpd->children;
    return $httpd->graceful
        && wait_for(sub { !grep { $old{$_} } $httpd->children }, 20);
}

# ---- Without a login ---------------------------------------------------------

my $nobody = EventStream::Visitor->new($httpd);
is status_of($nobody, $_), 401, "$_: nobody gets 401"
    for qw(mine users/ann teams/kitchen staff);
is $nobody->request('GET', '/app/', headers => ['Accept: text/html'])->{status},
    302, 'a page redirects to the provider';
is $nobody->request('GET', '/app/', headers => ["Accept: $_->[0]"])->{status},
    $_->[1], "... without OIDCUnAuthAction, $_->[0] gets $_->[1]"
    for ['text/event-stream', 401], ['*/*', 302];
is get($httpd, '/publish')->{status}, 404, 'browsers cannot publish';

# ---- With one ----------------------------------------------------------------

my ($ann, $page) = log_in('ann');
is $page->{status}, 200, 'ann has logged in';
like $page->{body}, qr/openStream/, 'and has the page';
for my $case (['mine', 'user-ann'], ['users/ann', 'user-ann'],
    ['teams/kitchen', 'team-kitchen'], ['staff', 'staff']) {
    my ($path, $channel) = @$case;
    my $sse = $ann->subscribe("/events/$path");
    is $sse->status, 200, "$path: ann may hear it";
    is $sse->next_event(10)->{event}, 'stream-open', '... it is open';
    is send_to($channel, "to $channel"), 1, '... and publishing';
    is $sse->next_event(10)->{data}, "to $channel", '... arrives';
    $sse->close;
    wait_for(sub { send_to($channel, 'x') == 0 }, 10, '... while it is open');
}
is status_of($ann, $_), 403, "$_: is not hers"
    for qw(users/bob users/* teams/bar);
is status_of($ann, 'mine?x=y'), 200, 'a query changes nothing';
is status_of($ann, 'other'), 403, 'another path is closed';

my ($bob) = log_in('bob');
is status_of($bob, 'mine'), 200, 'bob has a stream';
is status_of($bob, 'users/ann'), 403, 'and not that of ann';
is status_of($bob, 'teams/kitchen'), 403, 'a claim is no wildcard';
is status_of($bob, 'staff'), 403, 'a group that is not his';
my ($eve) = log_in('eve');
is status_of($eve, 'teams/kitchen'), 403, 'no claim is no team';
is status_of($eve, 'teams/'), 403, '... also in the path';
is status_of($eve, 'mine'), 200, '... and a user';

# ---- Cookies that httpd did not make -----------------------------------------

my $forged = EventStream::Visitor->new($httpd);
my ($name) = grep { /session/ } keys %{$ann->cookies('/events/mine')};
$forged->set_cookie($name, 'x' x 27, '/');
is status_of($forged, 'mine'), 401, 'a session that does not exist';

# ---- Logout ------------------------------------------------------------------

my $open = $bob->subscribe('/events/mine');
my $before = $bob->cookies('/events/mine')->{$name};
my $answer = $bob->get('/login/done?logout='
    . EventStream::Client::escape(
        'http://localhost:' . $httpd->port . '/goodbye.html'));
is $answer->{body}, "Goodbye\n", 'bob logs out';
is status_of($bob, 'mine'), 401, 'and gets 401';
$bob->set_cookie($name, $before, '/');
is status_of($bob, 'mine'), 401, 'with the old cookie, too';
# that of before may still be counted
cmp_ok send_to('user-bob', 'late'), '>=', 1, 'a stream that was open goes on';
is $open->skip_to('message', 10)->{data}, 'late', 'until its end';
is request($httpd->port_of('own'), 'DELETE', '/publish?user=bob&for=0')
    ->{status}, 200, 'or until the application ends the streams of bob';
ok $open->is_ended(10), 'which it then has';

# ---- The provider ------------------------------------------------------------

$provider->signs_with('another key');
my ($mallory, $refusal) = log_in('ann');
like $refusal->{body}, qr/Error/, 'a token with a wrong signature is no login';
unlike $refusal->{body}, qr/openStream/, 'and gives no page';
is status_of($mallory, 'mine'), 401, 'and gives no stream';
$provider->signs_with('its key');

my $late = EventStream::Visitor->new($httpd);
my $back = way_back($late, 'bob');
$provider->stop;
is status_of($ann, 'mine'), 200, 'provider dead: who is logged in has streams';
is status_of($nobody, 'mine'), 401, '... others get 401 as before';
unlike $late->get($back)->{body}, qr/openStream/, '... nobody can log in';
is status_of($late, 'mine'), 401, '... nor has a stream';
$provider->restart;
my ($again) = log_in('bob');
is status_of($again, 'mine'), 200, 'provider back: users log in';

# ---- The end of a session ----------------------------------------------------

$clock->step(0.45 * $HOUR);
is status_of($ann, 'mine'), 200, 'a stream prolongs a session';
$clock->step(0.45 * $HOUR);
is status_of($ann, 'mine'), 200, 'beyond the time of inactivity';
is status_of($again, 'mine'), 401, 'which ends one that is not used';
for (1 .. 15) {
    $clock->step(0.45 * $HOUR);
    status_of($ann, 'mine');
}
is status_of($ann, 'mine'), 200, 'eight hours are not over yet';
$clock->step(0.45 * $HOUR);
is status_of($ann, 'mine'), 401, 'a session has its duration';

# What docs/apps.md says about restarts.
$clock->set(time);
my ($short) = log_in('ann');
is status_of($short, 'mine'), 200, 'another session';
ok reload(), 'graceful';
is status_of($short, 'mine'), 401, 'sessions in shared memory end at graceful';
$httpd->rewrite_conf(conf() =~ s/openid-connect$/auth-openidc/gmr
    . "OIDCSessionType client-cookie\n");
ok reload(), 'sessions in cookies, and AuthType auth-openidc';
is status_of($nobody, 'mine'), 401, 'nobody gets 401';
($short) = log_in('ann');
is status_of($short, 'mine'), 200, 'a login gives a stream';
ok reload(), 'graceful';
is status_of($short, 'mine'), 200, 'the session stays';

# Why the sample does not have it.
$httpd->rewrite_conf(conf() =~ s/OIDCUnAuthAction 401/OIDCUnAuthAction pass/r);
ok reload(), 'OIDCUnAuthAction pass';
is status_of($nobody, 'users/ann'), 403, "nobody is not ann";
is status_of($nobody, 'staff'), 200, 'Require claim admits nobody';
is $httpd->faults // '', '', 'the shared memory is consistent';
is $httpd->stop, 0, 'httpd stops with exit status 0';

# ---- A browser ---------------------------------------------------------------

SKIP: {
    my $reason = Driver::lacking('playwright-core', browser => 1);
    die "$reason\n" if $reason && ($ENV{CI} || '') eq 'true';
    skip $reason, 1 if $reason;
    my $elsewhere = $provider->url . '/authorize';
    $httpd = start_httpd(
        "EventStreamRetry 500ms\nRedirect /moved $elsewhere\n"
        . conf() =~ s/EventStreamLifetime 600/EventStreamLifetime 1/r);
    Driver::run('apps-openidc.mjs', $httpd,
        'http://localhost:' . $httpd->port . '/',
        'http://127.0.0.1:' . $httpd->port_of('own') . '/');
    is $httpd->stop, 0, 'httpd stops with exit status 0';
}
done_testing;
