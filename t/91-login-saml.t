#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# conf/logins/saml.conf with channels.conf: mod_auth_mellon and an identity
# provider that is this test. What the provider has signed is a login; what
# another one has, or somebody has changed, is none.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use Digest::SHA ();
use File::Temp ();
use IO::Uncompress::RawInflate qw(rawinflate);
use MIME::Base64 qw(decode_base64 encode_base64);
use POSIX qw(strftime);

use EventStream::Client;
use EventStream::Daemon;
use EventStream::Httpd;
use EventStream::Login;
use EventStream::Snippets;

if (!EventStream::Httpd->has_module('auth_mellon')) {
    die "CI must run this test; this httpd has no mod_auth_mellon\n"
        if ($ENV{CI} || '') eq 'true';
    plan skip_all => 'this httpd has no mod_auth_mellon';
}

# ---- The provider ------------------------------------------------------------

my $dir = File::Temp::tempdir('es-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;
EventStream::Daemon->run('openssl', qw(req -x509 -newkey rsa:2048 -nodes -days 2
    -subj), "/CN=$_", '-keyout', "$dir/$_.key", '-out', "$dir/$_.pem")
    for qw(own provider);
chmod 0644, "$dir/own.key";

my $entity = 'https://login.example.com/';
my ($saml, $samlp, $ds, $c14n) = ('urn:oasis:names:tc:SAML:2.0:assertion',
    'urn:oasis:names:tc:SAML:2.0:protocol',
    'http://www.w3.org/2000/09/xmldsig#',
    'http://www.w3.org/2001/10/xml-exc-c14n#');

my ($certificate) = EventStream::Httpd::slurp("$dir/provider.pem")
    =~ /-----BEGIN CERTIFICATE-----\n(.*)-----END/s;
write_file("$dir/provider.xml", <<"XML");
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata"
    xmlns:ds="$ds" entityID="$entity">
  <IDPSSODescriptor protocolSupportEnumeration="$samlp">
    <KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data>
      <ds:X509Certificate>$certificate</ds:X509Certificate>
    </ds:X509Data></ds:KeyInfo></KeyDescriptor>
    <SingleSignOnService
        Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
        Location="https://login.example.com/sso"/>
  </IDPSSODescriptor>
</EntityDescriptor>
XML

sub instant { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + $_[0])) }

# The texts here are in canonical form already: attributes in order, no empty
# elements, and the name space where it is used first.
sub signature
{
    my ($id, $text, $key) = @_;
    my $digest = Digest::SHA::sha256_base64($text) . '=';
    my $info = "<ds:SignedInfo xmlns:ds=\"$ds\">"
        . "<ds:CanonicalizationMethod Algorithm=\"$c14n\">"
        . '</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm='
        . '"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256">'
        . "</ds:SignatureMethod><ds:Reference URI=\"#$id\"><ds:Transforms>"
        . "<ds:Transform Algorithm=\"${ds}enveloped-signature\">"
        . "</ds:Transform><ds:Transform Algorithm=\"$c14n\"></ds:Transform>"
        . '</ds:Transforms><ds:DigestMethod Algorithm='
        . '"http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod>'
        . "<ds:DigestValue>$digest</ds:DigestValue></ds:Reference>"
        . '</ds:SignedInfo>';
    write_file("$dir/info", $info);
    EventStream::Daemon->run('openssl', qw(dgst -sha256 -sign), $key,
        '-out', "$dir/signed", "$dir/info");
    my $value = encode_base64(EventStream::Httpd::slurp("$dir/signed"), '');
    return "<ds:Signature xmlns:ds=\"$ds\">" . $info =~ s/ xmlns:ds="[^"]*"//r
        . "<ds:SignatureValue>$value</ds:SignatureValue></ds:Signature>";
}

my $count = 0;

# The answer to a request. Options: key, after (seconds from now until when it
# is valid), audience, unsigned.
sub answer_to
{
    my ($request, $user, %opt) = @_;
    my ($id, $now) = ('_a' . ++$count, instant(0));
    my $before = instant($opt{after} // 300);
    my $issuer = "<saml:Issuer>$entity</saml:Issuer>";
    my $head = "<saml:Assertion xmlns:saml=\"$saml\" ID=\"$id\""
        . " IssueInstant=\"$now\" Version=\"2.0\">$issuer";
    my $rest = '<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:'
        . "nameid-format:transient\">x$count</saml:NameID>"
        . '<saml:SubjectConfirmation Method='
        . '"urn:oasis:names:tc:SAML:2.0:cm:bearer">'
        . "<saml:SubjectConfirmationData InResponseTo=\"$request->{id}\""
        . " NotOnOrAfter=\"$before\" Recipient=\"$request->{acs}\">"
        . '</saml:SubjectConfirmationData></saml:SubjectConfirmation>'
        . '</saml:Subject><saml:Conditions NotBefore="'
        . instant(-60) . "\" NotOnOrAfter=\"$before\">"
        . '<saml:AudienceRestriction><saml:Audience>'
        . ($opt{audience} // $request->{issuer})
        . '</saml:Audience></saml:AudienceRestriction></saml:Conditions>'
        . "<saml:AuthnStatement AuthnInstant=\"$now\" SessionIndex=\"s$count\">"
        . '<saml:AuthnContext><saml:AuthnContextClassRef>'
        . 'urn:oasis:names:tc:SAML:2.0:ac:classes:Password'
        . '</saml:AuthnContextClassRef></saml:AuthnContext>'
        . '</saml:AuthnStatement><saml:AttributeStatement>'
        . '<saml:Attribute Name="uid"><saml:AttributeValue>' . $user
        . '</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>'
        . '</saml:Assertion>';
    my $signature = $opt{unsigned} ? ''
        : signature($id, $head . $rest, $opt{key} || "$dir/provider.key");
    return "<samlp:Response xmlns:samlp=\"$samlp\" Destination="
        . "\"$request->{acs}\" ID=\"_r$count\" InResponseTo=\"$request->{id}\""
        . " IssueInstant=\"$now\" Version=\"2.0\">"
        . $issuer =~ s/Issuer/Issuer xmlns:saml="$saml"/r
        . '<samlp:Status><samlp:StatusCode Value='
        . '"urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode>'
        . "</samlp:Status>$head$signature$rest</samlp:Response>";
}

# ---- httpd -------------------------------------------------------------------

my $httpd = EventStream::Httpd->start(
    modules => [login_modules('auth_mellon')],
    files => {'members/index.html' => "members\n"},
    conf => "MellonLockFile \"\@ROOT\@/run/mellon.lock\"\n"
        . login_sample('saml.conf', '/etc/apache2/saml' => $dir)
        . login_sample('channels.conf') . login_log()
        . <<'CONF');
DirectoryIndex index.html
# what docs/logins.md warns of
<Location "/events/room-led">
    MellonEnable auth
</Location>
CONF

my $host = 'Host: localhost:' . $httpd->port;
sub ask
{
    my ($path, @headers) = @_;
    return request($httpd, 'GET', $path, headers => [$host, @headers]);
}

sub unescaped { return $_[0] =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger }

# What the browser is sent to the provider with, its cookie, and where it goes.
sub begin
{
    my $answer = ask('/members/');
    my ($path) = $answer->{headers}{location} =~ m{^http://[^/]+(/.*)};
    $answer = ask($path);
    my ($cookie) = $answer->{head} =~ /^Set-Cookie: ([^;]+)/m;
    my $to = $answer->{headers}{location};
    my %query = map { /^([^=]+)=(.*)/ ? ($1 => unescaped($2)) : () }
        split /&/, $to =~ s/^[^?]*\?//r;
    my $deflated = decode_base64($query{SAMLRequest});
    rawinflate(\$deflated => \my $xml) or die 'no request';
    my ($id) = $xml =~ / ID="([^"]+)"/;
    my ($acs) = $xml =~ / AssertionConsumerServiceURL="([^"]+)"/;
    my ($issuer) = $xml =~ /Issuer[^>]*>([^<]+)</;
    $acs //= 'http://localhost:' . $httpd->port . '/saml/postResponse';
    return {id => $id, issuer => $issuer, cookie => $cookie, to => $to,
        relay => $query{RelayState}, acs => $acs};
}

sub finish
{
    my ($begun, $xml) = @_;
    my %form = (SAMLResponse => encode_base64($xml, ''),
        RelayState => $begun->{relay});
    my $body = join '&', map { "$_=" . EventStream::Client::escape($form{$_}) }
        sort keys %form;
    return request($httpd, 'POST', '/saml/postResponse', body => $body,
        headers => [$host, "Cookie: $begun->{cookie}",
            'Content-Type: application/x-www-form-urlencoded']);
}

sub cookie_of
{
    my ($answer) = @_;
    my @cookies = $answer->{head} =~ /^Set-Cookie: (\S+?=[^;\s]+)/mg;
    return @cookies ? "Cookie: $cookies[-1]" : '';
}

sub log_in
{
    my ($user) = @_;
    my $begun = begin();
    return finish($begun, answer_to($begun, $user));
}

sub status_of
{
    my ($path, @headers) = @_;
    return subscribe($httpd, $path, headers => \@headers)->status;
}

# ---- Users -------------------------------------------------------------------

my $begun = begin();
like $begun->{to}, qr{^\Q${entity}\Esso\?SAMLRequest=.*&Signature=},
    'a page leads to the provider';
my $answer = finish($begun, answer_to($begun, 'ann'));
is $answer->{status}, 303, 'with its answer the browser comes back';
like $answer->{headers}{location}, qr{/members/$}, 'to the page';
like $answer->{head}, qr/^Set-Cookie: mellon-login=\S+;.* HttpOnly; secure;/m,
    'with a cookie that is not for scripts';
my %cookie = (ann => cookie_of($answer),
    map { ($_ => cookie_of(log_in($_))) } qw(bob app));
is ask('/members/', $cookie{ann})->{body}, "members\n", 'which admits to it';
try_channels($httpd, 'SAML', headers => sub { $cookie{$_[0]} });
is status_of('/events/room-led'), 303,
    'with MellonEnable auth a stream would lead to the provider';
is status_of('/events', 'Cookie: mellon-login=' . 'a' x 32), 401,
    'a cookie that is none';
is status_of('/events', $begun->{cookie}), 400,
    'the cookie of a login that has only begun';
is_deeply [grep { /^ann 200 GET \/events/ && !/detached/ } logged($httpd)], [],
    'no stream of a user holds a worker';

# ---- What is no login --------------------------------------------------------

for my $case (['nobody has signed', unsigned => 1],
    ['another one has signed', key => "$dir/own.key"],
    ['is for another service', audience => 'https://other.example.com/'],
    ['is too old', after => -600]) {
    my ($name, %opt) = @$case;
    $begun = begin();
    $answer = finish($begun, answer_to($begun, 'ann', %opt));
    cmp_ok $answer->{status}, '>=', 400, "an answer that $name";
    is cookie_of($answer), '', 'is no login';
}
$begun = begin();
my $changed = answer_to($begun, 'ann') =~ s/>ann</>bob</r;
cmp_ok finish($begun, $changed)->{status}, '>=', 400,
    'one that was changed is none either';

# ---- A restart ---------------------------------------------------------------

my $client = opens(subscribe($httpd, '/events', headers => [$cookie{ann}]),
    'a stream');
ok $httpd->graceful, 'httpd restarts gracefully';
is status_of('/events', $cookie{ann}), 401, 'sessions are lost';
$cookie{app} = cookie_of(log_in('app'));
is publish($httpd, 'user-ann', 'x', headers => [$cookie{app}])->{status}, 200,
    'what is published then';
is next_text($client), 'x', 'goes to the stream that is open';
$client->close;
is $httpd->stop, 0, 'httpd stops with exit status 0';
done_testing;
